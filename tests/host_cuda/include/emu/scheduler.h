// Stepping the threads of one block: a warp until all its lanes wait, then the next; when every live thread is at the
// same barrier, all go on.
#pragma once

namespace emu {
static unsigned n_threads, n_live, order_mode, order_seed = 1;
static unsigned votes, votes_before;  // of __syncthreads_count() and its kin: now, and at the last barrier
static void (*kernel_call)(void**);
static void** kernel_args;
static char error[512];
static char block_start, block_end, block_sync[2];  // what ThreadSanitizer synchronises on

EMU_UNSEEN __attribute__((noreturn)) static void stop_thread() {
  EMU_RELEASE(&block_end);
  cur->state = DONE;
  --n_live;
  yield();
  __builtin_unreachable();
}

// The launch ends with this message, as an error in Python.
__attribute__((format(printf, 1, 2))) static void report(const char* format, ...) {
  const uint3 b = blockIdx, t = threadIdx;
  int n = snprintf(error, sizeof error, "block (%u,%u,%u) thread (%u,%u,%u): ", b.x, b.y, b.z, t.x, t.y, t.z);
  va_list rest;
  va_start(rest, format);
  vsnprintf(error + n, sizeof error - n, format, rest);
  va_end(rest);
}
#define EMU_FAIL(...) (emu::report(__VA_ARGS__), emu::stop_thread())

static void entry() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
  EMU_ACQUIRE(&block_start);
  kernel_call(kernel_args);
  stop_thread();
}

// The i-th thread (or warp, or block) of n to step: forward, in reverse, or as `seed` has it.
static inline unsigned pick(unsigned i, unsigned n, unsigned seed) {
  if (order_mode == 0) return i;
  if (order_mode == 1) return n - 1 - i;
  const bool power_of_two = (n & (n - 1)) == 0;
  return (i + seed) % n ^ (power_of_two ? (seed >> 8) % n : 0);
}

EMU_UNSEEN static void start_threads() {
  for (unsigned i = 0; i < n_threads; ++i) {
    Thread& t = threads[i];
    make_fiber(t, entry);
    t.state = READY;
    t.packet = nullptr;
    t.phase = 0;
    t.copies.clear();
    t.copy_group = 0;
    t.idx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
#ifdef __SANITIZE_THREAD__
    if (t.tsan_fiber && ++t.lives % 256 == 0) {  // it keeps a stack of calls, which a thread that ends does not unwind
      __tsan_destroy_fiber(t.tsan_fiber);
      t.tsan_fiber = nullptr;
    }
    if (!t.tsan_fiber) t.tsan_fiber = __tsan_create_fiber(0);
    scheduler.tsan_fiber = __tsan_get_current_fiber();
#endif
  }
  n_live = n_threads;
  votes = 0;
  EMU_RELEASE(&block_start);
}

// Step the lanes of one warp until none of them can go on; false after an error.
EMU_UNSEEN static bool step_warp(unsigned base) {
  const unsigned n = std::min(32u, n_threads - base);
  for (bool stepped = true; stepped;) {
    stepped = false;
    order_seed = order_seed * 1664525u + 1013904223u;
    for (unsigned i = 0; i < n; ++i) {
      Thread& t = threads[base + pick(i, n, order_seed >> 4)];
      if (t.state != READY) continue;
      cur = &t;
      threadIdx = t.idx;
      swap_to(scheduler, t);
      stepped = true;
      if (error[0]) return false;
    }
  }
  return true;
}

// All live threads wait: let them pass if it is at one and the same barrier, else report.
EMU_UNSEEN static bool pass_barrier() {
  int site = -1;
  for (unsigned i = 0; i < n_threads; ++i) {
    const Thread& t = threads[i];
    if (t.state == DONE) continue;
    threadIdx = t.idx;
    if (t.state == AT_WARP)
      report("deadlock: it waits in a warp collective (mask %08x) that the others never reach", t.mask);
    else if (site >= 0 && site != t.site)
      report("divergent __syncthreads(): this one is in line %d, others wait in line %d", t.site & 0x1ffff, site & 0x1ffff);
    if (error[0]) return false;
    site = t.site;
  }
  votes_before = votes;
  votes = 0;
  for (unsigned i = 0; i < n_threads; ++i)
    if (threads[i].state == AT_BLOCK) threads[i].state = READY;
  return true;
}

EMU_UNSEEN static bool run_block() {
  start_threads();
  const unsigned n_warps = (n_threads + 31) / 32;
  while (n_live) {
    const unsigned seed = order_seed;
    for (unsigned w = 0; w < n_warps; ++w)
      if (!step_warp(pick(w, n_warps, seed) * 32)) return false;
    if (n_live && !pass_barrier()) return false;
  }
  EMU_ACQUIRE(&block_end);
  return true;
}

EMU_UNSEEN static inline void sync_block(int site) {
  Thread* t = cur;
  char* place = &block_sync[t->phase++ & 1];
  (void)place;
  t->site = site;
  t->state = AT_BLOCK;
  EMU_RELEASE(place);
  yield();
  EMU_ACQUIRE(place);
}
EMU_UNSEEN static inline unsigned vote_block(int site, bool p) {
  votes += p;
  sync_block(site);
  return votes_before;
}
static inline unsigned lane() { return unsigned(cur - threads) & 31u; }
}  // namespace emu
