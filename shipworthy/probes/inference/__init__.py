"""What an OpenAI-compatible endpoint answers, and when: facts, no judgement."""

from shipworthy.probes.inference.calls import Answer, ask, chat, stream_chat
from shipworthy.probes.inference.cold import ColdStart, start_cold, wait_for_zero, workers_up
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.models import ChatCompletion, ErrorBody, ModelList, first_problem
from shipworthy.probes.inference.spread import StreamSpread, measure_spread
from shipworthy.probes.inference.sse import Event, SseParser
from shipworthy.probes.inference.statistics import TooFewSamplesError, needed_samples, percentile
from shipworthy.probes.inference.stream import StreamRecord, StreamTiming

__all__ = [
    "Answer",
    "ChatCompletion",
    "ChatEndpoint",
    "ColdStart",
    "ErrorBody",
    "Event",
    "ModelList",
    "SseParser",
    "StreamRecord",
    "StreamSpread",
    "StreamTiming",
    "TooFewSamplesError",
    "ask",
    "chat",
    "first_problem",
    "measure_spread",
    "needed_samples",
    "percentile",
    "start_cold",
    "stream_chat",
    "wait_for_zero",
    "workers_up",
]
