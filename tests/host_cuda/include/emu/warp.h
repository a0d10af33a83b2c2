// Warp collectives: each lane of the mask publishes a packet on its own stack and waits; the last to arrive computes for
// all of them.  A new collective is a packet and a function of the 32 packets.
#pragma once

namespace emu {
// True where all lanes of `mask` wait in this collective.  A lane may still be in an earlier one of a smaller mask.
EMU_UNSEEN static bool all_arrived(const Thread* warp, unsigned mask, const void* tag) {
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1)) continue;
    if (warp + l >= threads + n_threads || warp[l].state == DONE)
      EMU_FAIL("warp collective: the mask %08x names lane %u, which has exited or does not exist", mask, l);
    if (warp[l].state != AT_WARP || warp[l].mask != mask) return false;
    if (warp[l].tag != tag) EMU_FAIL("warp collective: lanes %u and %u are in different calls (mask %08x)", lane(), l, mask);
  }
  return true;
}

// Run f(packets, mask) once for all lanes; `fence` for __syncwarp() only: shuffles and votes do not order memory.
template <class P, class F>
EMU_UNSEEN static inline void warp_collective(unsigned mask, P& packet, F f, bool fence = false) {
  static const char tag = 0;  // one per kind of call
  Thread *me = cur, *warp = cur - lane();
  if (!(mask >> lane() & 1)) EMU_FAIL("warp collective: the mask %08x leaves out the calling lane %u", mask, lane());
  me->packet = &packet;
  me->mask = mask;
  me->tag = &tag;
  me->state = AT_WARP;
  if (fence) EMU_RELEASE(&me->come);
  if (!all_arrived(warp, mask, &tag)) {
    yield();
    if (fence) EMU_ACQUIRE(&me->go);
    return;
  }
  P* packets[32] = {};
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1)) continue;
    packets[l] = (P*)warp[l].packet;
    if (fence) EMU_ACQUIRE(&warp[l].come);
  }
  EMU_IGNORE_BEGIN();
  f(packets, mask);
  EMU_IGNORE_END();
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1)) continue;
    if (fence) EMU_RELEASE(&warp[l].go);
    warp[l].state = READY;
  }
}

template <class T> static inline T shuffle(unsigned mask, T value, unsigned source) {
  struct P { T in, out; unsigned source; } packet{value, value, source};
  warp_collective(mask, packet, [](P** p, unsigned m) {
    for (unsigned l = 0; l < 32; ++l) {
      if (!(m >> l & 1)) continue;
      if (!(m >> p[l]->source & 1))
        EMU_FAIL("shuffle: lane %u reads lane %u, which is not in the mask %08x", l, p[l]->source, m);
      p[l]->out = p[p[l]->source]->in;
    }
  });
  return packet.out;
}

static inline unsigned ballot(unsigned mask, bool vote) {
  struct P { bool in; unsigned out; } packet{vote, 0};
  warp_collective(mask, packet, [](P** p, unsigned m) {
    unsigned bits = 0;
    for (unsigned l = 0; l < 32; ++l)
      if (m >> l & 1 && p[l]->in) bits |= 1u << l;
    for (unsigned l = 0; l < 32; ++l)
      if (m >> l & 1) p[l]->out = bits;
  });
  return packet.out;
}
}  // namespace emu
