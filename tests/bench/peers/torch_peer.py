"""Peer: the experts of transformers' Mixtral block on PyTorch, driven through a pipe by torch.cpp.

Commands, one a line on standard input, numbers in words, arrays as raw bytes after the line:
  load D F E K                         weights by the formula of ../weights.h; answers `ready VERSIONS`
  tokens ID T                          then x [T,D] f32, selected [T,K] i32, weights [T,K] f32
  time MODE FORMAT THREADS ID          answers the seconds of one call
  output MODE FORMAT THREADS ID        answers y [T,D] as f32, raw
MODE is eager or grouped_mm, FORMAT f32 or bf16. Whatever fails answers `error REASON`.
"""
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages for weights, as ours have them
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralExperts


def draw(matrix, rows, cols):
    """bench::draw of weights.h."""
    h = np.arange(rows * cols, dtype=np.uint32)
    h *= np.uint32(0x9E3779B1)
    h ^= np.uint32(matrix * 0x85EBCA6B & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0x27D4EB2F)
    h >>= np.uint32(24)
    values = h.astype(np.float32)
    values -= 128
    values *= np.float32(2.0**-12)
    return torch.from_numpy(values.reshape(rows, cols))


class Peer:
    def __init__(self, D, F, E, K):
        self.D, self.F, self.K = D, F, K
        config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=K)
        with torch.device("meta"):
            experts = MixtralExperts(config)
        self.experts = {"f32": experts.to_empty(device="cpu")}
        with torch.no_grad(), ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.fill, range(E)))
        self.tokens = {}

    def fill(self, e):
        experts, F = self.experts["f32"], self.F
        with torch.no_grad():
            experts.gate_up_proj[e, :F] = draw(3 * e, F, self.D)
            experts.gate_up_proj[e, F:] = draw(3 * e + 1, F, self.D)
            experts.down_proj[e] = draw(3 * e + 2, self.D, F)

    def add(self, name, T, stream):
        def array(columns, kind):
            data = bytearray(stream.read(T * columns * 4))
            return torch.frombuffer(data, dtype=kind).reshape(T, columns)

        self.tokens = {**self.tokens, name: [array(self.D, torch.float32), array(self.K, torch.int32).long(),
                                             array(self.K, torch.float32)]}

    def call(self, mode, form, threads, name):
        if form not in self.experts:
            source = self.experts["f32"]
            with torch.device("meta"):
                experts = MixtralExperts(source.config)
            self.experts[form] = experts.to(torch.bfloat16).to_empty(device="cpu")
            with torch.no_grad():
                for to, of in zip(self.experts[form].parameters(), source.parameters()):
                    to.copy_(of)
        experts = self.experts[form]
        experts.config._experts_implementation = mode
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        x, selected, weights = self.tokens[name]
        dtype = torch.float32 if form == "f32" else torch.bfloat16
        x, weights = x.to(dtype), weights.to(dtype)
        clock = time.process_time if threads == 1 else time.perf_counter
        with torch.inference_mode():
            start = clock()
            y = experts(x, selected, weights)
            return clock() - start, y


def main():
    stream, out = sys.stdin.buffer, sys.stdout.buffer
    peer = None
    for line in iter(stream.readline, b""):
        words = line.decode().split()
        try:
            if words[0] == "load":
                peer = Peer(*map(int, words[1:5]))
                reply = f"ready PyTorch {torch.__version__}, transformers {transformers.__version__}\n".encode()
            elif words[0] == "tokens":
                if int(words[1]) == 0:
                    peer.tokens = {}
                peer.add(words[1], int(words[2]), stream)
                continue
            else:
                seconds, y = peer.call(words[1], words[2], int(words[3]), words[4])
                reply = f"{seconds:.9f}\n".encode()
                if words[0] == "output":
                    reply = b"y\n" + y.float().contiguous().numpy().tobytes()
        except Exception as problem:  # whatever a version of the library does not have
            reply = ("error " + " ".join(str(problem).split())[:300] + "\n").encode()
        out.write(reply)
        out.flush()


main()
