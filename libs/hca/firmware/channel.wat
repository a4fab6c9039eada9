;; Shared memory between two guests of one host (R43, R44): the whole of it. One instance of this module for each thread and peer it talks to, and one
;; for the thread itself ($peer is its own memory then). No adapter takes part.
;;
;; The segment, one for each job and host, holds a record of 32 KiB for each domain slot, which only this module and the host write. What different
;; threads write lies on different cache lines:
;;      0  armed: the next message raises the event; by the receiver before it sleeps, and by whoever wakes it
;;     64  messages sent (i64)   72  bytes sent (i64)
;;    128  64 grants of 16 bytes: address, length, slot that may write + 1, 1 when it may read as well
;;  16384  for each slot 64 bytes, the way from there to here: ring: address, entries - 1, number of the next entry, open; buffers: address, length.
;;         The number is the sender's: nobody else writes to the ring, so that an entry costs no locked instruction.
;; A ring's entry has 128 bytes: generation, length, the offset in the buffers or -1, reserved, 112 of message. A short message is one cache line.
(module
  (import "own" "memory" (memory $own 0 65536 shared))
  (import "peer" "memory" (memory $peer 0 65536 shared))
  (import "segment" "memory" (memory $segment 128 128 shared))
  (import "own" "slot" (global $me i32))
  (import "peer" "slot" (global $there i32))

  (func $record (param $slot i32) (result i32) (i32.shl (i32.and (local.get $slot) (i32.const 255)) (i32.const 15)))
  (func $way (param $from i32) (param $to i32) (result i32)
    (i32.add (i32.add (call $record (local.get $to)) (i32.const 16384)) (i32.shl (local.get $from) (i32.const 6))))
  (func $inside (param $at i32) (param $bytes i32) (result i32)
    (i64.le_u
      (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $bytes)))
      (i64.shl (i64.extend_i32_u (memory.size $own)) (i64.const 16))))

  ;; A ring for messages from one slot, which begin with number 0: `entries` of zeroed memory, a power of two, at most 2^16.
  (func (export "ring") (param $slot i32) (param $at i32) (param $entries i32) (result i32)
    (local $way i32)
    (if (i32.gt_u (local.get $slot) (i32.const 255)) (then (return (i32.const -22))))
    (if (i32.or (i32.ne (i32.popcnt (local.get $entries)) (i32.const 1)) (i32.gt_u (local.get $entries) (i32.const 65536))) (then (return (i32.const -22))))
    (if (i32.and (local.get $at) (i32.const 63)) (then (return (i32.const -22))))
    (if (i32.eqz (call $inside (local.get $at) (i32.shl (local.get $entries) (i32.const 7)))) (then (return (i32.const -14))))
    (local.set $way (call $way (local.get $slot) (global.get $me)))
    (i32.store $segment (local.get $way) (local.get $at))
    (i32.store $segment offset=4 (local.get $way) (i32.sub (local.get $entries) (i32.const 1)))
    (i32.store $segment offset=8 (local.get $way) (i32.const 0))
    (i32.atomic.store $segment offset=12 (local.get $way) (i32.const 1))
    (i32.const 0))

  ;; Buffers for messages from one slot.
  (func (export "buffers") (param $slot i32) (param $at i32) (param $bytes i32) (result i32)
    (local $way i32)
    (if (i32.gt_u (local.get $slot) (i32.const 255)) (then (return (i32.const -22))))
    (if (i32.eqz (call $inside (local.get $at) (local.get $bytes))) (then (return (i32.const -14))))
    (local.set $way (call $way (local.get $slot) (global.get $me)))
    (i32.store $segment offset=16 (local.get $way) (local.get $at))
    (i32.store $segment offset=20 (local.get $way) (local.get $bytes))
    (i32.const 0))

  ;; Lets one slot write to a part of this guest's memory; with no bytes, takes that back.
  (func (export "grant") (param $number i32) (param $slot i32) (param $at i32) (param $bytes i32) (result i32)
    (call $give (local.get $number) (local.get $slot) (local.get $at) (local.get $bytes) (i32.const 0)))
  ;; The same, and the slot may read there as well.
  (func (export "share") (param $number i32) (param $slot i32) (param $at i32) (param $bytes i32) (result i32)
    (call $give (local.get $number) (local.get $slot) (local.get $at) (local.get $bytes) (i32.const 1)))
  (func $give (param $number i32) (param $slot i32) (param $at i32) (param $bytes i32) (param $readable i32) (result i32)
    (local $r i32)
    (if (i32.or (i32.gt_u (local.get $number) (i32.const 63)) (i32.gt_u (local.get $slot) (i32.const 255))) (then (return (i32.const -22))))
    (if (i32.eqz (call $inside (local.get $at) (local.get $bytes))) (then (return (i32.const -14))))
    (local.set $r (i32.add (call $record (global.get $me)) (i32.shl (local.get $number) (i32.const 4))))
    (i32.atomic.store $segment offset=136 (local.get $r) (i32.const 0))
    (i32.store $segment offset=128 (local.get $r) (local.get $at))
    (i32.store $segment offset=132 (local.get $r) (local.get $bytes))
    (i32.store $segment offset=140 (local.get $r) (local.get $readable))
    (if (local.get $bytes) (then (i32.atomic.store $segment offset=136 (local.get $r) (i32.add (local.get $slot) (i32.const 1)))))
    (i32.const 0))

  ;; About to sleep: the next message raises the event. The caller looks at its rings once more after this.
  (func (export "arm") (i32.atomic.store $segment (call $record (global.get $me)) (i32.const 1)))

  (func $words (param $to i32) (param $from i32) (param $bytes i32)
    (block $done
      (loop $more
        (br_if $done (i32.lt_s (local.get $bytes) (i32.const 1)))
        (i64.store $peer align=8 (local.get $to) (i64.load $own align=1 (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 8)))
        (br $more))))

  ;; A message: 24 bytes of header, then a payload, which goes to the peer's buffers from `offset` on when the entry has no room for it.
  (func (export "post") (param $header i32) (param $payload i32) (param $bytes i32) (param $offset i32) (result i32)
    (local $way i32) (local $at i32) (local $number i32) (local $to i32) (local $armed i32)
    (local.set $way (call $way (global.get $me) (global.get $there)))
    (if (i32.eqz (i32.load $segment offset=12 (local.get $way))) (then (return (i32.const -19))))
    (local.set $number (i32.load $segment offset=8 (local.get $way)))
    (local.set $at (i32.add
      (i32.load $segment (local.get $way))
      (i32.shl (i32.and (local.get $number) (i32.load $segment offset=4 (local.get $way))) (i32.const 7))))
    (local.set $to (i32.const -1))
    (if (i32.gt_u (local.get $bytes) (i32.const 88)) ;; and not by $to: buffers may be longer than 2 GiB
      (then
        (if (i64.gt_u
              (i64.add (i64.extend_i32_u (local.get $offset)) (i64.extend_i32_u (local.get $bytes)))
              (i64.load32_u $segment offset=20 (local.get $way)))
          (then (return (i32.const -14))))
        (local.set $to (local.get $offset))
        (memory.copy $peer $own
          (i32.add (i32.load $segment offset=16 (local.get $way)) (local.get $offset)) (local.get $payload) (local.get $bytes)))
      (else (call $words (i32.add (local.get $at) (i32.const 40)) (local.get $payload) (local.get $bytes))))
    (i64.store $peer offset=16 (local.get $at) (i64.load $own align=1 (local.get $header)))
    (i64.store $peer offset=24 (local.get $at) (i64.load $own offset=8 align=1 (local.get $header)))
    (i64.store $peer offset=32 (local.get $at) (i64.load $own offset=16 align=1 (local.get $header)))
    (i32.store $peer offset=4 (local.get $at) (local.get $bytes))
    (i32.store $peer offset=8 (local.get $at) (local.get $to))
    (local.set $number (i32.add (local.get $number) (i32.const 1)))
    (i32.store $segment offset=8 (local.get $way) (local.get $number))
    (i32.atomic.store $peer (local.get $at) (local.get $number)) ;; publishes: see firmware-build.ts
    (local.set $armed (call $record (global.get $there)))
    (if (i32.atomic.load $segment (local.get $armed))
      (then
        (if (i32.atomic.rmw.xchg $segment (local.get $armed) (i32.const 0))
          (then
            (drop (i32.atomic.rmw.or $peer (i32.const 0x00801000) (i32.const 2)))
            (drop (i32.atomic.rmw.add $peer (i32.const 0x00801008) (i32.const 1)))
            (drop (memory.atomic.notify $peer (i32.const 0x00801008) (i32.const -1)))))))
    (call $count (local.get $bytes))
    (i32.const 0))

  ;; One copy into memory that the peer has granted.
  (func (export "write") (param $number i32) (param $offset i32) (param $from i32) (param $bytes i32) (result i32)
    (local $r i32)
    (if (i32.gt_u (local.get $number) (i32.const 63)) (then (return (i32.const -22))))
    (local.set $r (i32.add (call $record (global.get $there)) (i32.shl (local.get $number) (i32.const 4))))
    (if (i32.ne (i32.atomic.load $segment offset=136 (local.get $r)) (i32.add (global.get $me) (i32.const 1))) (then (return (i32.const -1))))
    (if (i64.gt_u
          (i64.add (i64.extend_i32_u (local.get $offset)) (i64.extend_i32_u (local.get $bytes)))
          (i64.load32_u $segment offset=132 (local.get $r)))
      (then (return (i32.const -14))))
    (memory.copy $peer $own (i32.add (i32.load $segment offset=128 (local.get $r)) (local.get $offset)) (local.get $from) (local.get $bytes))
    (call $bytes_only (local.get $bytes))
    (i32.const 0))

  ;; One copy from memory that the peer shares.
  (func (export "read") (param $number i32) (param $offset i32) (param $to i32) (param $bytes i32) (result i32)
    (local $r i32)
    (if (i32.gt_u (local.get $number) (i32.const 63)) (then (return (i32.const -22))))
    (local.set $r (i32.add (call $record (global.get $there)) (i32.shl (local.get $number) (i32.const 4))))
    (if (i32.ne (i32.atomic.load $segment offset=136 (local.get $r)) (i32.add (global.get $me) (i32.const 1))) (then (return (i32.const -1))))
    (if (i32.eqz (i32.load $segment offset=140 (local.get $r))) (then (return (i32.const -1))))
    (if (i64.gt_u
          (i64.add (i64.extend_i32_u (local.get $offset)) (i64.extend_i32_u (local.get $bytes)))
          (i64.load32_u $segment offset=132 (local.get $r)))
      (then (return (i32.const -14))))
    (memory.copy $own $peer (local.get $to) (i32.add (i32.load $segment offset=128 (local.get $r)) (local.get $offset)) (local.get $bytes))
    (i32.const 0))

  (func $count (param $bytes i32)
    (local $mine i32)
    (local.set $mine (call $record (global.get $me)))
    (i64.store $segment offset=64 (local.get $mine) (i64.add (i64.load $segment offset=64 (local.get $mine)) (i64.const 1)))
    (call $bytes_only (local.get $bytes)))
  (func $bytes_only (param $bytes i32)
    (local $mine i32)
    (local.set $mine (call $record (global.get $me)))
    (i64.store $segment offset=72 (local.get $mine)
      (i64.add (i64.load $segment offset=72 (local.get $mine)) (i64.extend_i32_u (local.get $bytes))))))
