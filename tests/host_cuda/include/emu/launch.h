// Launching a kernel: its parameters' kinds for the caller to check, shared memory filled with NaNs, block after block.
#pragma once
#ifdef EMU_SHARED_IN_TLS
#include <link.h>
#endif

namespace emu {
static const size_t DYNAMIC_MAX = 232448;  // 227 KiB: what a block may ask for on compute capability 9.0
alignas(1024) static char dynamic_shared[DYNAMIC_MAX];

template <class K> struct Launch;
template <class... A> struct Launch<void (*)(A...)> {
  template <void (*K)(A...), size_t... I> static void unpack(void** a, std::index_sequence<I...>) {
    K(*(std::remove_reference_t<A>*)a[I]...);
  }
  template <void (*K)(A...)> static void call(void** a) { unpack<K>(a, std::index_sequence_for<A...>()); }
  template <class T> static constexpr char kind() {
    return std::is_pointer<T>::value          ? 'p'
           : std::is_floating_point<T>::value ? 'f'
           : std::is_integral<T>::value       ? 'i'
                                              : 's';
  }
  static const char* signature() {  // a letter and the size for each parameter: "p8,p8,i4,"
    static char text[8 * sizeof...(A) + 1];
    char* end = text;
    *end = 0;
    ((end += sprintf(end, "%c%d,", kind<A>(), (int)sizeof(A))), ...);
    return text;
  }
};

#ifdef EMU_SHARED_IN_TLS
static thread_local char tls_anchor;  // so that there is a TLS block also without static shared memory
struct Region { void* start; size_t size; };

// This library's TLS block in this thread, which holds its __shared__ arrays and the anchor, no more.
static Region static_shared() {
  tls_anchor = 1;
  asm volatile("" ::"r"(&tls_anchor) : "memory");
  Region found = {};
  auto visit = [](dl_phdr_info* library, size_t, void* out) {
    const size_t here = (size_t)&static_shared - library->dlpi_addr;
    const ElfW(Phdr) *begin = library->dlpi_phdr, *end = begin + library->dlpi_phnum, *tls = nullptr;
    bool own = false;
    for (auto* part = begin; part < end; ++part) {
      own |= part->p_type == PT_LOAD && here - part->p_vaddr < part->p_memsz;
      if (part->p_type == PT_TLS) tls = part;
    }
    if (own && tls) *(Region*)out = {library->dlpi_tls_data, tls->p_memsz};
    return (int)own;
  };
  dl_iterate_phdr(visit, &found);
  return found;
}
#endif

static const char* refusal(const unsigned* grid, const unsigned* block, size_t shared_bytes) {
  const size_t n = (size_t)block[0] * block[1] * block[2];
  if (!n || n > MAX_THREADS || block[2] > 64) return "invalid block size";
  if (!grid[0] || grid[0] > 0x7fffffffu || !grid[1] || grid[1] > 65535 || !grid[2] || grid[2] > 65535) return "invalid grid size";
  return shared_bytes > DYNAMIC_MAX ? "too much dynamic shared memory" : nullptr;
}

// Every byte 0xff: NaN in all float types, so that a read of what nobody wrote shows.
static void clear_shared(size_t shared_bytes) {
  memset(dynamic_shared, 0xff, shared_bytes);
#ifdef EMU_SHARED_IN_TLS
  static thread_local Region region = {};
  if (!region.start) region = static_shared();
  Region here = region;
  memset(here.start, 0xff, here.size);
  asm volatile("" ::"r"(&region) : "memory");  // or the compiler holds that memset left `region` alone
  region = here;  // it lies in the block itself
#endif
}

// grid_block: the grid's three sizes, then the block's.  Null, or what went wrong.
static const char* launch(void (*call)(void**), const unsigned* grid_block, size_t shared_bytes, void** args) {
  const unsigned *grid = grid_block, *block = grid_block + 3;
  if (const char* why = refusal(grid, block, shared_bytes)) return why;
  kernel_call = call;
  kernel_args = args;
  error[0] = 0;
  fault_address = 0;
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  n_threads = block[0] * block[1] * block[2];
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(dynamic_shared, DYNAMIC_MAX);
  __asan_poison_memory_region(dynamic_shared + shared_bytes, DYNAMIC_MAX - shared_bytes);
#endif
  CatchFaults catching;
  const unsigned n_blocks = grid[0] * grid[1] * grid[2], seed = order_seed >> 4;  // >> 4: pick does not wrap around
  for (unsigned i = 0; i < n_blocks; ++i) {
    const unsigned at = pick(i, n_blocks, seed);
    blockIdx = {at % grid[0], at / grid[0] % grid[1], at / grid[0] / grid[1]};
    clear_shared(shared_bytes);
    if (!run_block()) return error;
  }
  return nullptr;
}
}  // namespace emu

extern "C" void emu_order(unsigned mode, unsigned seed) {
  emu::order_mode = mode;
  emu::order_seed = seed * 2654435761u + 1;
}
extern "C" unsigned long long emu_switches() { return emu::n_switches; }
extern "C" size_t emu_fault_address() { return emu::fault_address; }
