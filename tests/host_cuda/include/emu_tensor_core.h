// Twins of kernels/mma.cuh.  They follow the fragment layouts of the PTX ISA ("Matrix Fragments for mma"), so that an
// index error in a kernel shows; sums go in order of k, which no GPU promises.
#pragma once
#include "cuda_fp16.h"

namespace emu {
// Copies land here and no earlier: a forgotten wait shows.
static void land_copies(int groups_left) {
  auto& waiting = cur->copies;
  size_t kept = 0;
  for (auto& c : waiting) {
    if (c.group >= cur->copy_group - groups_left) {
      waiting[kept++] = c;
      continue;
    }
    memcpy(c.target, c.source, c.valid);
    memset((char*)c.target + c.valid, 0, c.bytes - c.valid);
  }
  waiting.resize(kept);
}
template <float (*VALUE)(uint16_t)> static inline float part(unsigned pair, int high) {
  return VALUE(uint16_t(pair >> (high ? 16 : 0)));
}
static inline float tf32_value(unsigned bits) { return emu_bits<float>(bits & 0xffffe000u); }

// D += A B for one 16 x K by K x 8 tile, all in float: rows of A and columns of B were gathered from the lanes.
template <int K, class P> static void multiply_tile(P** lanes, const float (&a)[16][K], const float (&b)[K][8]) {
  for (int l = 0; l < 32; ++l)
    for (int e = 0; e < 4; ++e) {
      const int row = (l >> 2) + e / 2 * 8, column = (l & 3) * 2 + e % 2;
      float sum = 0;
      for (int k = 0; k < K; ++k) sum += a[row][k] * b[k][column];
      lanes[l]->d[e] += sum;
    }
}
struct MmaPacket { const unsigned *a, *b; float* d; };

template <float (*VALUE)(uint16_t)>
static inline void mma_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  struct P : MmaPacket {} packet{{a, b, d}};
  warp_collective(~0u, packet, [](P** lanes, unsigned) {
    float full_a[16][16], full_b[16][8];
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < 2; ++i) {
        const int group = l >> 2, k = (l & 3) * 2 + i;
        for (int r = 0; r < 4; ++r) full_a[group + r % 2 * 8][k + r / 2 * 8] = part<VALUE>(lanes[l]->a[r], i);
        for (int r = 0; r < 2; ++r) full_b[k + r * 8][group] = part<VALUE>(lanes[l]->b[r], i);
      }
    multiply_tile<16>(lanes, full_a, full_b);
  });
}
}  // namespace emu

static inline void cp_async16(void* target, const void* source, unsigned valid_bytes = 16) {
  if (((size_t)target | (size_t)source) & 15) EMU_FAIL("cp.async of 16 bytes: misaligned address");
  emu::cur->copies.push_back({target, source, 16, valid_bytes, emu::cur->copy_group});
}
static inline void cp_async4(void* target, const void* source, unsigned valid_bytes = 4) {
  if (((size_t)target | (size_t)source) & 3) EMU_FAIL("cp.async of 4 bytes: misaligned address");
  emu::cur->copies.push_back({target, source, 4, valid_bytes, emu::cur->copy_group});
}
static inline void cp_async_commit() { ++emu::cur->copy_group; }
template <int GROUPS_LEFT> static inline void cp_async_wait() { emu::land_copies(GROUPS_LEFT); }

template <bool TRANSPOSE> static inline void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  if ((size_t)row & 15) EMU_FAIL("ldmatrix: misaligned row address");
  struct P { const uint16_t* row; unsigned out[4]; } packet{(const uint16_t*)row, {}};
  emu::warp_collective(~0u, packet, [](P** lanes, unsigned) {
    for (int l = 0; l < 32; ++l)
      for (int j = 0; j < 4; ++j) {
        const int group = l / 4, k = l % 4 * 2;  // matrix j's rows are at the addresses of lanes 8 j to 8 j + 7
        auto at = [&](int i) { return TRANSPOSE ? lanes[j * 8 + k + i]->row[group] : lanes[j * 8 + group]->row[k + i]; };
        lanes[l]->out[j] = at(0) | (unsigned)at(1) << 16;
      }
  });
  for (int j = 0; j < 4; ++j) r[j] = packet.out[j];
}

static inline void mma_bf16_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emu::mma_16816<emu::bfloat_value>(d, a, b);
}
static inline void mma_fp16_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emu::mma_16816<emu::half_value>(d, a, b);
}
static inline unsigned to_tf32(float x) { return (__float_as_uint(x) + 0x1000u) & 0xffffe000u; }
static inline void mma_tf32_1688(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  struct P : emu::MmaPacket {} packet{{a, b, d}};
  emu::warp_collective(~0u, packet, [](P** lanes, unsigned) {
    float full_a[16][8], full_b[8][8];
    for (int l = 0; l < 32; ++l) {
      const int group = l >> 2, k = l & 3;
      for (int r = 0; r < 4; ++r) full_a[group + r % 2 * 8][k + r / 2 * 4] = emu::tf32_value(lanes[l]->a[r]);
      for (int r = 0; r < 2; ++r) full_b[k + r * 4][group] = emu::tf32_value(lanes[l]->b[r]);
    }
    emu::multiply_tile<8>(lanes, full_a, full_b);
  });
}
