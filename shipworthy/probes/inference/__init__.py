"""What an OpenAI-compatible endpoint answers, and when: facts, no judgement."""

from shipworthy.probes.inference.calls import Answer, ask, chat, stream_chat
from shipworthy.probes.inference.chunks import Trouble, Unreadable
from shipworthy.probes.inference.completions import Completion, CompletionChunk
from shipworthy.probes.inference.embeddings import EmbeddingList, Vector, length, nearness
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.models import ChatChunk, ChatCompletion, ErrorBody, ModelCard, ModelList
from shipworthy.probes.inference.official import OFFICIAL_CALLS, official_problem, typed_problem
from shipworthy.probes.inference.pressure import Pressure, Refusals, press
from shipworthy.probes.inference.replies import chunks_of, events_of
from shipworthy.probes.inference.shape import first_problem, read
from shipworthy.probes.inference.spending import spending_cap
from shipworthy.probes.inference.spread import StreamSpread, measure_spread
from shipworthy.probes.inference.sse import Event, SseParser
from shipworthy.probes.inference.statistics import TooFewSamplesError, needed_samples, percentile
from shipworthy.probes.inference.stream import StreamRecord, StreamTiming
from shipworthy.probes.inference.tool_calls import JoinedCall, ToolCall, joined

__all__ = [
    "OFFICIAL_CALLS",
    "Answer",
    "ChatChunk",
    "ChatCompletion",
    "ChatEndpoint",
    "Completion",
    "CompletionChunk",
    "EmbeddingList",
    "ErrorBody",
    "Event",
    "JoinedCall",
    "ModelCard",
    "ModelList",
    "Pressure",
    "Refusals",
    "SseParser",
    "StreamRecord",
    "StreamSpread",
    "StreamTiming",
    "TooFewSamplesError",
    "ToolCall",
    "Trouble",
    "Unreadable",
    "Vector",
    "ask",
    "chat",
    "chunks_of",
    "events_of",
    "first_problem",
    "joined",
    "length",
    "measure_spread",
    "nearness",
    "needed_samples",
    "official_problem",
    "percentile",
    "press",
    "read",
    "spending_cap",
    "stream_chat",
    "typed_problem",
]
