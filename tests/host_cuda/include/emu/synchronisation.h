// Barriers, shuffles and votes.
#pragma once

#define EMU_SITE (__LINE__ | __COUNTER__ << 17)  // tells two barriers of one line apart too
#define __syncthreads() emu::sync_block(EMU_SITE)
#define __syncthreads_count(p) ((int)emu::vote_block(EMU_SITE, (p) != 0))
#define __syncthreads_or(p) (emu::vote_block(EMU_SITE, (p) != 0) != 0)
#define __syncthreads_and(p) (emu::vote_block(EMU_SITE, (p) == 0) == 0)

static inline void __syncwarp(unsigned mask = ~0u) {
  struct P {} packet;
  emu::warp_collective(mask, packet, [](P**, unsigned) {}, true);
}
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() {}

template <class T> T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
  const unsigned l = emu::lane();
  return emu::shuffle(mask, v, (l & ~(width - 1)) | (source & (width - 1)));
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int x, int width = 32) {
  const unsigned l = emu::lane(), source = l ^ x;
  return emu::shuffle(mask, v, source >= (l & ~(width - 1)) + width ? l : source);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32) {
  const unsigned l = emu::lane();
  return emu::shuffle(mask, v, (l & (width - 1)) + by >= (unsigned)width ? l : l + by);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32) {
  const unsigned l = emu::lane();
  return emu::shuffle(mask, v, (l & (width - 1)) < by ? l : l - by);
}
static inline unsigned __ballot_sync(unsigned mask, int p) { return emu::ballot(mask, p != 0); }
static inline int __any_sync(unsigned mask, int p) { return emu::ballot(mask, p != 0) != 0; }
static inline int __all_sync(unsigned mask, int p) { return emu::ballot(mask, p != 0) == mask; }
static inline unsigned __activemask() {
  return ~0u >> (31 - std::min(31u, emu::n_threads - 1 - (unsigned(emu::cur - emu::threads) & ~31u)));
}
