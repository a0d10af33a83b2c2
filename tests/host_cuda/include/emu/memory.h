// Atomics, loads and stores with a cache hint, and questions about an address.
#pragma once

#define EMU_ATOMIC(name, after)                                                                \
  template <class T> EMU_UNSEEN static inline T name(T* place, std::common_type_t<T> v) {      \
    const T old = *place;                                                                      \
    *place = (after);                                                                          \
    return old;                                                                                \
  }
EMU_ATOMIC(atomicAdd, old + v)
EMU_ATOMIC(atomicSub, old - v)
EMU_ATOMIC(atomicExch, v)
EMU_ATOMIC(atomicMax, old < v ? v : old)
EMU_ATOMIC(atomicMin, v < old ? v : old)
EMU_ATOMIC(atomicAnd, old & v)
EMU_ATOMIC(atomicOr, old | v)
EMU_ATOMIC(atomicXor, old ^ v)
EMU_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
template <class T>
EMU_UNSEEN static inline T atomicCAS(T* place, std::common_type_t<T> expected, std::common_type_t<T> v) {
  const T old = *place;
  if (old == expected) *place = v;
  return old;
}

template <class T> static inline T __ldg(const T* p) { return *p; }
template <class T> static inline T __ldca(const T* p) { return *p; }
template <class T> static inline T __ldcg(const T* p) { return *p; }
template <class T> static inline T __ldcs(const T* p) { return *p; }
template <class T> static inline void __stcg(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> static inline void __stcs(T* p, std::common_type_t<T> v) { *p = v; }
