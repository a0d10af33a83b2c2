// Philox 4x32-10: ten rounds that turn a counter of four 32-bit words and a key of two into four random words.
// The reference is `philox` of gpugrad/ops/random.py, bit for bit.
// Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
#pragma once

struct Words { unsigned at[4]; };

// Words 4 block .. 4 block + 3 of the stream that key and counter name.
__device__ __forceinline__ Words random_words(unsigned long long block, unsigned long long key, unsigned long long counter) {
  Words c = {{(unsigned)block, (unsigned)(block >> 32), (unsigned)counter, (unsigned)(counter >> 32)}};
  unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned long long p = (unsigned long long)0xD2511F53u * c.at[0], q = (unsigned long long)0xCD9E8D57u * c.at[2];
    c = Words{{(unsigned)(q >> 32) ^ c.at[1] ^ k0, (unsigned)q, (unsigned)(p >> 32) ^ c.at[3] ^ k1, (unsigned)p}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// A key or counter: read from device memory where it lies there, so that a captured launch sees its value of the day.
struct Named {
  const unsigned long long* at;
  unsigned long long value;
  __device__ __forceinline__ unsigned long long get() const { return at ? *at : value; }
};
