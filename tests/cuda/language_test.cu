// The words of cuda/emulator/cuda_language.h against their definitions (PTX ISA, "shfl.sync" and
// "vote.sync"), and the machine's own promises: sizes a GPU refuses, limits, threads, leaks.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "cuda/device.cuh"

using moe::MOE_CUDA_NAMESPACE::Array, moe::MOE_CUDA_NAMESPACE::launch;
using moe::MOE_CUDA_NAMESPACE::block_shared, moe::MOE_CUDA_NAMESPACE::dynamic_shared;
using moe::cuda_on_cpu::Order;

namespace {

constexpr unsigned kAll = 0xffffffff;
constexpr unsigned N = 64;  // two warps
constexpr unsigned kWords = 16;

__global__ void words(unsigned* out) {
  const unsigned i = threadIdx.x + threadIdx.y * blockDim.x + threadIdx.z * blockDim.x * blockDim.y;
  const unsigned lane = i % 32;
  const unsigned v = 7 * i + 3;
  auto put = [&](unsigned word, unsigned value) { out[word * N + i] = value; };
  put(0, __shfl_sync(kAll, v, 5));
  put(1, __shfl_sync(kAll, v, static_cast<int>(lane + 1), 8));
  put(2, __shfl_up_sync(kAll, v, 3));
  put(3, __shfl_up_sync(kAll, v, 3, 16));
  put(4, __shfl_down_sync(kAll, v, 5));
  put(5, __shfl_down_sync(kAll, v, 2, 4));
  put(6, __shfl_xor_sync(kAll, v, 9));
  put(7, __shfl_xor_sync(kAll, v, 4, 4));
  put(8, __ballot_sync(kAll, v % 3 == 0));
  put(9, static_cast<unsigned>(__any_sync(kAll, i == 40)));
  put(10, static_cast<unsigned>(__all_sync(kAll, i < 32)));
  // two groups of one warp
  put(11, lane < 16 ? __shfl_xor_sync(0x0000ffff, v, 1) : __ballot_sync(0xffff0000, lane % 2));
  put(12, __umulhi(v << 24, v << 20) ^ static_cast<unsigned>(__popc(v)) ^
              static_cast<unsigned>(__ffs(static_cast<int>(v & ~15u))) ^
              static_cast<unsigned>(__clz(static_cast<int>(v))));
  put(13, static_cast<unsigned>(__shfl_sync(kAll, 1ull << 40 | v, 9) >> 40) +
              __float_as_uint(__shfl_sync(kAll, __uint_as_float(v), 2)));
  unsigned* most = dynamic_shared<unsigned>();  // [0] maximum, [1] minimum, [2] sum, [3] who was first
  if (i < 4) most[i] = i == 1 || i == 3 ? ~0u : 0;
  __syncthreads();  // without it: the first values would overwrite counts
  atomicMax(&most[0], v);
  atomicMin(&most[1], v);
  atomicAdd(&most[2], v);
  atomicCAS(&most[3], ~0u, 1u);
  __syncthreads();  // without it: the counts would be read before they are complete
  put(14, most[0] ^ most[1] << 10 ^ most[2] << 16);
  put(15, most[3] + 2 * gridDim.x + 4 * blockIdx.x +
              __float_as_uint(__fsqrt_rn(__fdiv_rn(static_cast<float>(v), 3))));
}

unsigned expected(unsigned word, unsigned i) {
  const unsigned lane = i % 32;
  const unsigned first = i - lane;
  auto v = [&](unsigned l) { return 7 * (first + l) + 3; };
  unsigned ballot = 0, sum = 0;
  for (unsigned l = 0; l < 32; l++) ballot |= (v(l) % 3 == 0 ? 1u : 0u) << l;
  for (unsigned j = 0; j < N; j++) sum += 7 * j + 3;
  const unsigned u = v(lane);
  auto highest = [](unsigned x) {
    unsigned n = 0;
    while (x >>= 1) n++;
    return n;
  };
  auto count = [](unsigned x) {
    unsigned n = 0;
    for (; x != 0; x /= 2) n += x % 2;
    return n;
  };
  auto lowest = [](unsigned x) {
    unsigned n = 1;
    if (x == 0) return 0u;
    while (x % 2 == 0) x /= 2, n++;
    return n;
  };
  switch (word) {
    case 0: return v(5);
    case 1: return v(lane / 8 * 8 + (lane + 1) % 8);
    case 2: return v(lane < 3 ? lane : lane - 3);
    case 3: return v(lane % 16 < 3 ? lane : lane - 3);
    case 4: return v(lane > 26 ? lane : lane + 5);
    case 5: return v(lane % 4 > 1 ? lane : lane + 2);
    case 6: return v(lane ^ 9);
    case 7: return v((lane & 4) != 0 ? lane - 4 : lane);  // an earlier segment may be read, a later not
    case 8: return ballot;
    case 9: return i >= 32;
    case 10: return i < 32;
    case 11: return lane < 16 ? v(lane ^ 1) : 0xaaaa0000;
    case 12: {
      const auto product = static_cast<unsigned long long>(u << 24) * (u << 20);
      return static_cast<unsigned>(product >> 32) ^ count(u) ^ lowest(u & ~15u) ^ (31 - highest(u));
    }
    case 13: return (1u << 0) + v(2);
    case 14: return (7 * (N - 1) + 3) ^ 3u << 10 ^ sum << 16;
    default: {
      const float root = std::sqrt(static_cast<float>(u) / 3);
      return 1 + 2 + std::bit_cast<unsigned>(root);
    }
  }
}

struct Language : testing::TestWithParam<Order> {
  void SetUp() override { moe::cuda_on_cpu::set({.order = GetParam()}); }
  void TearDown() override { moe::cuda_on_cpu::set({}); }
};
INSTANTIATE_TEST_SUITE_P(Orders, Language,
                         testing::Values(Order::forward, Order::reverse, Order::random));

TEST_P(Language, EveryWordMeansWhatCudaSays) {
  Array<unsigned> out(kWords * N);
  launch(words, 1, dim3(4, 2, 8), 4 * sizeof(unsigned), out.data());
  const std::vector<unsigned> got = out.to_host();
  for (unsigned word = 0; word < kWords; word++)
    for (unsigned i = 0; i < N; i++)
      ASSERT_EQ(got[word * N + i], expected(word, i)) << "word " << word << " thread " << i;
}

__global__ void count_visits(int* visits, unsigned long long* order) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  if (threadIdx.x != 0) return;
  atomicAdd(&visits[block], 1);
  order[block] = atomicAdd(&order[gridDim.x * gridDim.y * gridDim.z], 1ull);
}

// Each block once, in the promised order; 105 blocks are no power of two.
TEST_P(Language, EveryBlockRunsOnce) {
  constexpr std::size_t kBlocks = 105;
  Array<int> visits(std::vector<int>(kBlocks, 0));
  Array<unsigned long long> order(std::vector<unsigned long long>(kBlocks + 1, 0));
  launch(count_visits, dim3(7, 5, 3), 2, 0, visits.data(), order.data());
  EXPECT_EQ(visits.to_host(), std::vector<int>(kBlocks, 1));
  const auto turns = order.to_host();
  bool forward = true, reverse = true;
  for (std::size_t b = 0; b < kBlocks; b++) {
    forward = forward && turns[b] == b;
    reverse = reverse && turns[b] == kBlocks - 1 - b;
  }
  EXPECT_EQ(forward, GetParam() == Order::forward);
  EXPECT_EQ(reverse, GetParam() == Order::reverse);
}

std::vector<unsigned long long> random_turns(std::uint64_t seed) {
  moe::cuda_on_cpu::set({.order = Order::random, .seed = seed});
  Array<int> visits(std::vector<int>(105, 0));
  Array<unsigned long long> order(std::vector<unsigned long long>(106, 0));
  launch(count_visits, dim3(7, 5, 3), 2, 0, visits.data(), order.data());
  moe::cuda_on_cpu::set({});
  return order.to_host();
}

TEST(Machine, SeedDecidesTheRandomOrder) {
  EXPECT_EQ(random_turns(1), random_turns(1));
  EXPECT_NE(random_turns(1), random_turns(2));
}

__global__ void nothing() {}
__global__ void take_shared(float* out) { out[0] = dynamic_shared<float>()[0]; }
struct Large {
  float values[11 * 1024];
};
struct Larger : Large {};
__global__ void take_two_statics(float* out) {
  out[0] = block_shared<Large>().values[0] + block_shared<Larger>().values[0];
}
__global__ void wrong_width(int* out) { out[threadIdx.x] = __shfl_sync(kAll, 1, 0, 12); }

TEST(Machine, RefusesWhatAGpuRefuses) {
  using moe::Error;
  EXPECT_THROW(launch(nothing, 0, 32, 0), Error);
  EXPECT_THROW(launch(nothing, 1, 0, 0), Error);
  EXPECT_THROW(launch(nothing, 1, 1025, 0), Error);
  EXPECT_THROW(launch(nothing, 1, dim3(1, 1, 65), 0), Error);
  EXPECT_THROW(launch(nothing, 1, dim3(32, 33), 0), Error);
  EXPECT_THROW(launch(nothing, 0x80000000u, 1, 0), Error);
  EXPECT_THROW(launch(nothing, dim3(1, 65536), 1, 0), Error);
  EXPECT_THROW(launch(nothing, dim3(1, 1, 65536), 1, 0), Error);
  EXPECT_THROW(launch(nothing, 1, 32, 164 * 1024), Error);
  Array<float> out(1);
  EXPECT_THROW(launch(take_two_statics, 1, 1, 0, out.data()), Error);
  Array<int> lanes(32);
  EXPECT_THROW(launch(wrong_width, 1, 32, 0, lanes.data()), Error);
  EXPECT_NO_THROW(launch(take_shared, 1, 1, 163 * 1024, out.data()));
  EXPECT_NO_THROW(launch(nothing, 3, 1024, 0));
}

TEST(Machine, SharedAndDeviceMemoryBeginAsNaN) {
  Array<float> out(2);
  launch(take_shared, 1, 1, sizeof(float), out.data());
  const std::vector<float> got = out.to_host();
  EXPECT_TRUE(std::isnan(got[0]) && std::isnan(got[1]));
}

TEST(Machine, CopiesStayInsideTheirBuffer) {
  Array<float> array(5);
  std::vector<float> host(8);
  using moe::MOE_CUDA_NAMESPACE::copy_to_device, moe::MOE_CUDA_NAMESPACE::copy_to_host;
  EXPECT_NO_THROW(copy_to_device(array.data() + 2, host.data(), 12));
  EXPECT_THROW(copy_to_device(array.data() + 2, host.data(), 16), moe::Error);
  EXPECT_THROW(copy_to_host(host.data(), array.data(), 24), moe::Error);
  EXPECT_THROW(copy_to_host(host.data(), host.data() + 1, 4), moe::Error);
}

TEST(Machine, ArraysAreMovedAndFreed) {
  const std::size_t before = moe::cuda_on_cpu::live_buffers();
  {
    Array<float> a(std::vector<float>{1, 2, 3});
    Array<float> b = std::move(a);
    Array<float> c(7);
    c = std::move(b);
    EXPECT_EQ(c.to_host(), (std::vector<float>{1, 2, 3}));
    const Array<float> empty(0);
    EXPECT_TRUE(empty.to_host().empty());
  }
  EXPECT_EQ(moe::cuda_on_cpu::live_buffers(), before);
  EXPECT_THROW(Array<float>(~std::size_t{0} / 2), moe::Error);
}

__global__ void throws_in_thread_40(int* out) {
  if (threadIdx.x == 40) throw std::logic_error("thrown by a kernel");
  __syncthreads();  // here only so that others are suspended when it happens
  out[threadIdx.x] = 1;
}

// What a kernel throws arrives, and the machine works on.
TEST(Machine, SurvivesAnExceptionInAKernel) {
  Array<int> out(N);
  for (int round = 0; round < 3; round++)
    EXPECT_THROW(launch(throws_in_thread_40, 2, N, 0, out.data()), std::logic_error);
  Array<unsigned> after(kWords * N);
  launch(words, 1, dim3(4, 2, 8), 4 * sizeof(unsigned), after.data());
  EXPECT_EQ(after.to_host()[0], expected(0, 0));
}

__global__ void rotate(const int* in, int* out, int rounds) {
  int* row = dynamic_shared<int>();
  const unsigned i = threadIdx.x;
  int value = in[blockIdx.x * N + i];
  for (int r = 0; r < rounds; r++) {
    row[i] = value;
    __syncthreads();  // without it: the neighbour's value of the round before
    value = row[(i + 1) % N];
    __syncthreads();  // without it: a neighbour overwrites what is still to be read
  }
  out[blockIdx.x * N + i] = value;
}

TEST(Machine, AnyThreadMayLaunch) {
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (std::size_t n = 0; n < good.size(); n++)
    threads.emplace_back([n, &good] {
      std::vector<int> host(3 * N);
      for (std::size_t i = 0; i < host.size(); i++) host[i] = static_cast<int>(1000 * n + i);
      for (int repeat = 0; repeat < 5; repeat++) {
        Array<int> in(host), out(host.size());
        launch(rotate, 3, N, N * sizeof(int), in.data(), out.data(), 7);
        const std::vector<int> got = out.to_host();
        bool right = true;
        for (std::size_t i = 0; i < host.size(); i++)
          right = right && got[i] == host[i / N * N + (i + 7) % N];
        good[n] += right;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(good.size(), 5));
}

}  // namespace
