"""``python tiny_model.py FOLDER [--seed N]``: a chat model of some 100,000 random weights, made in a second.

What it says means nothing, but an engine serves it as it serves any other: a Llama of two layers, a
byte-level BPE tokenizer learnt from a few lines here, a chat template. Nothing is downloaded. It is run
by the Python that has the engine, which needs nothing of this house.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

VOCABULARY = 640
CONTEXT_TOKENS = 512
SEED = 13
BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
TEMPLATE = (
    "{% for message in messages %}<|begin|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
LINES = (
    "The keeper of the lighthouse counts the ships that pass in the night and writes them into a book.",
    "Every ship has a name, a captain and a harbour; some have a light at the mast, others only a bell.",
    "Write a long story about a release that was held back until the evidence said that it may go.",
    "Answer in JSON with a name, a number and a list of places where the weather is known to be good.",
    "Café, naïve, Zürich, Łódź, Ελλάδα, Москва: words whose letters take two bytes each.",
    "灯台守は夜ごとに船を数える。東京、北京、서울: signs that take three bytes each, → and … among them.",
    "🚢 ⚓ 🌊 🗼: signs that take four bytes each, which a tokenizer of bytes cuts into pieces.",
    "What is the weather in Paris? What is two and two? Who are you, and what did I say before?",
)
"""The tokenizer learns its words from these; signs of several bytes stay pieces."""


def make_tokenizer():
    """Learn a byte-level BPE tokenizer; every text has tokens, and most of its tokens are no whole sign."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BEGIN, END, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        chat_template=TEMPLATE,
        model_max_length=CONTEXT_TOKENS,
    )


def make_model(tokenizer, seed: int):
    """Give a Llama its random weights; the same seed gives the same ones."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT_TOKENS,
            initializer_range=0.5,  # the usual 0.02 says one word for ever
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def main() -> int:
    """Make the model in a folder and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, options.seed)
    model.save_pretrained(options.folder)
    tokenizer.save_pretrained(options.folder)
    print(f"{model.num_parameters():,} weights, {len(tokenizer)} tokens in the vocabulary")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
