/*
 * The tag of a frame: SipHash-2-4 (Aumasson and Bernstein, 2012) over the header and the number of the frame in its connection, and over the
 * payload, of which long ones are first reduced by NH (the universal hash of UMAC, RFC 4418 section 5.2), 1024 bytes to 16. A hash that
 * is universal with 64 bits under a pseudo-random function is a message authentication code, and runs at the speed of memory.
 */
#ifndef VBF_MAC_H
#define VBF_MAC_H

#include "memory.h"
#include <wasm_simd128.h>

#define NH_BLOCK 1024u
#define MAC_SHORT 128u /* payload up to this is hashed as it is */

struct sip {
  uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, int by) { return value << by | value >> (64 - by); }

static inline void sip_round(struct sip *s) {
  s->v0 += s->v1, s->v1 = rotate(s->v1, 13) ^ s->v0, s->v0 = rotate(s->v0, 32);
  s->v2 += s->v3, s->v3 = rotate(s->v3, 16) ^ s->v2;
  s->v0 += s->v3, s->v3 = rotate(s->v3, 21) ^ s->v0;
  s->v2 += s->v1, s->v1 = rotate(s->v1, 17) ^ s->v2, s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word) {
  s->v3 ^= word;
  sip_round(s);
  sip_round(s);
  s->v0 ^= word;
}

static inline uint64_t sip_end(struct sip *s) {
  s->v2 ^= 0xff;
  for (int i = 0; i < 4; i++) sip_round(s);
  return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Two passes of NH over a multiple of 32 bytes, at most NH_BLOCK; the second with the key shifted by 16 bytes (Toeplitz). */
static inline void nh(const uint32_t *key, const uint8_t *data, uint32_t bytes, uint64_t out[2]) {
  v128_t first = wasm_i64x2_const(0, 0), second = first;
  for (uint32_t i = 0; i < bytes; i += 32) {
    const uint32_t *k = key + i / 4;
    v128_t m0 = wasm_v128_load(data + i), m1 = wasm_v128_load(data + i + 16);
    v128_t k0 = wasm_v128_load(k), k1 = wasm_v128_load(k + 4), k2 = wasm_v128_load(k + 8);
    v128_t a = wasm_i32x4_add(m0, k0), b = wasm_i32x4_add(m1, k1);
    v128_t c = wasm_i32x4_add(m0, k1), d = wasm_i32x4_add(m1, k2);
    first = wasm_i64x2_add(first, wasm_i64x2_add(wasm_u64x2_extmul_low_u32x4(a, b), wasm_u64x2_extmul_high_u32x4(a, b)));
    second = wasm_i64x2_add(second, wasm_i64x2_add(wasm_u64x2_extmul_low_u32x4(c, d), wasm_u64x2_extmul_high_u32x4(c, d)));
  }
  out[0] = (uint64_t)wasm_i64x2_extract_lane(first, 0) + (uint64_t)wasm_i64x2_extract_lane(first, 1);
  out[1] = (uint64_t)wasm_i64x2_extract_lane(second, 0) + (uint64_t)wasm_i64x2_extract_lane(second, 1);
}

/* `header` is 64 bytes, of which the last 8 hold the tag and do not count; `payload` is padded to a multiple of 32 bytes. */
static uint64_t mac_tag(const struct vbf_link_keys *keys, uint64_t number, const uint64_t *header, const uint8_t *payload, uint32_t bytes) {
  struct sip s = {keys->sip[0] ^ 0x736f6d6570736575ull, keys->sip[1] ^ 0x646f72616e646f6dull, keys->sip[0] ^ 0x6c7967656e657261ull,
                  keys->sip[1] ^ 0x7465646279746573ull};
  for (int i = 0; i < 7; i++) sip_word(&s, header[i]);
  sip_word(&s, number);
  if (bytes <= MAC_SHORT) {
    for (uint32_t i = 0; i < bytes / 8; i++) sip_word(&s, ((const uint64_t *)payload)[i]);
    return sip_end(&s);
  }
  for (uint32_t i = 0; i < bytes; i += NH_BLOCK) {
    uint64_t words[2];
    nh(keys->nh, payload + i, bytes - i < NH_BLOCK ? bytes - i : NH_BLOCK, words);
    sip_word(&s, words[0]);
    sip_word(&s, words[1]);
  }
  return sip_end(&s);
}

#endif
