;; The window into another domain's memory. One instance for each peer and thread; the firmware calls it through its table.
;; No address is checked here: the firmware has done so.
(module
  (import "adapter" "memory" (memory $adapter 1 65536 shared))
  (import "own" "memory" (memory $own 0 65536 shared))
  (import "peer" "memory" (memory $peer 0 65536 shared))

  ;; A completion queue entry, its generation last and with release order.
  (func (export "push") (param $to i32) (param $w0 i64) (param $w1 i64) (param $w2 i64) (param $d0 i64) (param $d1 i64) (param $d2 i64) (param $d3 i64) (param $last i64)
    (i64.store $peer (local.get $to) (local.get $w0))
    (i64.store $peer offset=8 (local.get $to) (local.get $w1))
    (i64.store $peer offset=16 (local.get $to) (local.get $w2))
    (i64.store $peer offset=24 (local.get $to) (local.get $d0))
    (i64.store $peer offset=32 (local.get $to) (local.get $d1))
    (i64.store $peer offset=40 (local.get $to) (local.get $d2))
    (i64.store $peer offset=48 (local.get $to) (local.get $d3))
    (i32.store $peer offset=56 (local.get $to) (i32.wrap_i64 (local.get $last)))
    (i32.atomic.store $peer offset=60 (local.get $to) (i32.wrap_i64 (i64.shr_u (local.get $last) (i64.const 32)))))

  ;; Short copies are loops: memory.copy is a call into the engine, which pays from a few hundred bytes on.
  (func (export "copy_out") (param $to i32) (param $from i32) (param $bytes i32)
    (if (i32.gt_u (local.get $bytes) (i32.const 512))
      (then (memory.copy $peer $own (local.get $to) (local.get $from) (local.get $bytes)) (return)))
    (block $words_done
      (loop $words
        (br_if $words_done (i32.lt_u (local.get $bytes) (i32.const 16)))
        (v128.store $peer align=1 (local.get $to) (v128.load $own align=1 (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 16)))
        (br $words)))
    (block $bytes_done
      (loop $rest
        (br_if $bytes_done (i32.eqz (local.get $bytes)))
        (i32.store8 $peer (local.get $to) (i32.load8_u $own (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
        (br $rest))))

  (func (export "copy_in") (param $to i32) (param $from i32) (param $bytes i32)
    (memory.copy $own $peer (local.get $to) (local.get $from) (local.get $bytes)))

  ;; For ring entries, a multiple of 8 bytes; odd lengths take the other way.
  (func (export "read") (param $to i32) (param $from i32) (param $bytes i32)
    (if (i32.and (local.get $bytes) (i32.const 7))
      (then (memory.copy $adapter $peer (local.get $to) (local.get $from) (local.get $bytes)) (return)))
    (block $done
      (loop $words
        (br_if $done (i32.eqz (local.get $bytes)))
        (i64.store $adapter align=1 (local.get $to) (i64.load $peer align=1 (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 8)))
        (br $words))))

  ;; struct vb_event_page at VB_EVENT_PAGE_ADDR: pending, then wakeups at 8.
  (func (export "raise") (param $channels i32)
    (drop (i32.atomic.rmw.or $peer (i32.const 0x00801000) (local.get $channels)))
    (drop (i32.atomic.rmw.add $peer (i32.const 0x00801008) (i32.const 1)))
    (drop (memory.atomic.notify $peer (i32.const 0x00801008) (i32.const -1))))

  (func (export "cas") (param $at i32) (param $expected i64) (param $wanted i64) (result i64)
    (i64.atomic.rmw.cmpxchg $peer (local.get $at) (local.get $expected) (local.get $wanted)))

  (func (export "fadd") (param $at i32) (param $value i64) (result i64)
    (i64.atomic.rmw.add $peer (local.get $at) (local.get $value)))

  (func (export "gather") (param $to i32) (param $from i32) (param $bytes i32)
    (memory.copy $adapter $peer (local.get $to) (local.get $from) (local.get $bytes)))

  (func (export "scatter") (param $to i32) (param $from i32) (param $bytes i32)
    (memory.copy $peer $adapter (local.get $to) (local.get $from) (local.get $bytes)))

  (func (export "generation") (param $at i32) (result i32)
    (i32.atomic.load $peer (local.get $at))))
