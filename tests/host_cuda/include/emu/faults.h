// Illegal accesses become errors of the launch: what the compiler checks (alignment, array bounds, shifts, division) by
// taking the place of the sanitizer's run-time library, and touching a guard page by catching the signal.
#pragma once

namespace emu {
static size_t fault_address;
}

#ifdef EMU_OWN_CHECKS
namespace emu {
struct Site { const char* file; unsigned line, column; };  // what every check hands over begins with this
__attribute__((noinline)) static void broken(const Site* s, const char* what) {
  EMU_FAIL("%s:%u: %s", s->file, s->line, what);
}
}  // namespace emu
#define EMU_CHECK(name, what, ...)                                                                               \
  extern "C" __attribute__((visibility("hidden"), used)) void __ubsan_handle_##name(emu::Site* s, ##__VA_ARGS__) { \
    emu::broken(s, what);                                                                                        \
  }                                                                                                              \
  extern "C" __attribute__((visibility("hidden"), used)) void __ubsan_handle_##name##_abort(emu::Site* s, ##__VA_ARGS__) { \
    emu::broken(s, what);                                                                                        \
  }
EMU_CHECK(type_mismatch_v1, "misaligned address", size_t)
EMU_CHECK(out_of_bounds, "index out of bounds of the array", size_t)
EMU_CHECK(shift_out_of_bounds, "shift by more than the width", size_t, size_t)
EMU_CHECK(divrem_overflow, "integer division by zero", size_t, size_t)
#endif

#if defined(EMU_OWN_CHECKS) && defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>
namespace emu {
static void stop_at_fault() {
  const bool overflow = fault_address - (size_t)(cur->stack - PAGE) < PAGE;
  EMU_FAIL(overflow ? "stack overflow" : "illegal address %#zx: outside every array", fault_address);
}
// Runs on a stack of its own; the fiber then goes on in stop_at_fault(), from the far end of its stack.
static void on_fault(int, siginfo_t* info, void* context) {
  fault_address = (size_t)info->si_addr;
  auto& registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  registers[REG_RSP] = (greg_t)(cur->stack + STACK - 72);
  registers[REG_RIP] = (greg_t)&stop_at_fault;
}
struct CatchFaults {
  struct sigaction before_segv, before_bus;
  stack_t before_stack;
  CatchFaults() {
    static char place[64 << 10];
    stack_t own = {};
    own.ss_sp = place;
    own.ss_size = sizeof place;
    sigaltstack(&own, &before_stack);
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
  }
  ~CatchFaults() {
    sigaction(SIGSEGV, &before_segv, nullptr);
    sigaction(SIGBUS, &before_bus, nullptr);
    sigaltstack(&before_stack, nullptr);
  }
};
}  // namespace emu
#else
namespace emu {
struct CatchFaults {};
}  // namespace emu
#endif
