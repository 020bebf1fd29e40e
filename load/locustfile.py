"""What Locust is started with: the user classes and the shape; the plan comes by environment."""

from load.shape import Profile
from load.users import ChatUser, DataReader, FunctionCaller, Searcher

__all__ = ["ChatUser", "DataReader", "FunctionCaller", "Profile", "Searcher"]
