// Fibers: each CUDA thread has a stack and is left and resumed at will.  One switch is 16 instructions on x86-64;
// elsewhere ucontext serves, five times slower, since it makes a system call.
#pragma once
#include <sys/mman.h>
#ifndef __x86_64__
#define EMU_UCONTEXT 1
#endif
#ifdef EMU_UCONTEXT
#include <ucontext.h>
#endif

namespace emu {
enum State : uint8_t { READY, AT_BLOCK, AT_WARP, DONE };
static const unsigned MAX_THREADS = 1024;
static const size_t PAGE = 4096;
#ifdef __SANITIZE_ADDRESS__
static const size_t STACK = 256 << 10;
#else
static const size_t STACK = 64 << 10;
#endif

struct AsyncCopy {  // a cp.async that has not landed yet
  void* target;
  const void* source;
  unsigned bytes, valid;  // the rest becomes zero
  int group;
};

struct Thread {
  void* sp;
  char* stack;  // above a guard page
  State state;
  uint3 idx;
  int site;            // of the __syncthreads() it waits at
  unsigned mask;       // of the warp collective it waits in,
  void* packet;        // what it brings there,
  const void* tag;     // and which call that is
  unsigned phase;      // number of barriers passed
  char come, go;       // what ThreadSanitizer synchronises on at a __syncwarp()
  void *fake_stack, *tsan_fiber;
  unsigned lives;      // blocks for which tsan_fiber served
  std::vector<AsyncCopy> copies;
  int copy_group;
#ifdef EMU_UCONTEXT
  ucontext_t context;
#endif
};
static Thread threads[MAX_THREADS], scheduler;
static Thread* cur;
static unsigned long long n_switches;
#ifdef __SANITIZE_ADDRESS__
static const void* scheduler_bottom;
static size_t scheduler_size;
#endif

#ifndef EMU_UCONTEXT
extern "C" void emu_swap(void** save, void* load);
asm(".text\n.globl emu_swap\n.hidden emu_swap\n.type emu_swap,@function\nemu_swap:\n"
    " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov %rsp,(%rdi)\n mov %rsi,%rsp\n"
    " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n.size emu_swap,.-emu_swap\n");
#endif

EMU_UNSEEN static inline void swap_to(Thread& from, Thread& to) {
  ++n_switches;
#ifdef __SANITIZE_THREAD__
  __tsan_switch_to_fiber(to.tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef __SANITIZE_ADDRESS__
  const bool home = &to == &scheduler;
  __sanitizer_start_switch_fiber(from.state == DONE ? nullptr : &from.fake_stack, home ? scheduler_bottom : to.stack,
                                 home ? scheduler_size : STACK);
#endif
#ifdef EMU_UCONTEXT
  swapcontext(&from.context, &to.context);
#else
  emu_swap(&from.sp, to.sp);
#endif
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}
EMU_UNSEEN static inline void yield() { swap_to(*cur, scheduler); }

static void make_fiber(Thread& t, void (*entry)()) {
  if (!t.stack) {
    t.stack = (char*)mmap(nullptr, PAGE + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(t.stack, PAGE, PROT_NONE);
    t.stack += PAGE;
  }
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(t.stack, STACK);
#endif
#ifdef EMU_UCONTEXT
  getcontext(&t.context);
  t.context.uc_stack.ss_sp = t.stack;
  t.context.uc_stack.ss_size = STACK;
  t.context.uc_link = nullptr;
  makecontext(&t.context, entry, 0);
#else
  void** sp = (void**)(t.stack + STACK) - 1;
  *sp = nullptr;  // where a return address would be
  *--sp = (void*)entry;
  sp -= 6;  // the registers that emu_swap pops
  std::fill(sp, sp + 6, nullptr);
  t.sp = sp;
#endif
}
}  // namespace emu
