;; A link's stream as the firmware calls it: one instance for each connection and thread, over a WASI whose descriptors 0 and 1 are the socket.
;; The firmware has one link's turn at a time on a thread, so one vector at a fixed place is enough.
(module
  (import "wasi" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "stream" "vector" (global $vector i32))
  (import "adapter" "memory" (memory $adapter 1 65536 shared))
  (export "memory" (memory $adapter))

  (func $result (param $error i32) (result i32)
    (if (local.get $error) (then (return (i32.sub (i32.const 0) (local.get $error)))))
    (i32.load offset=8 (global.get $vector)))

  (func $prepare (param $at i32) (param $bytes i32)
    (i32.store (global.get $vector) (local.get $at))
    (i32.store offset=4 (global.get $vector) (local.get $bytes))
    (i32.store offset=8 (global.get $vector) (i32.const 0)))

  (func (export "read") (param $at i32) (param $bytes i32) (result i32)
    (call $prepare (local.get $at) (local.get $bytes))
    (call $result (call $fd_read (i32.const 0) (global.get $vector) (i32.const 1) (i32.add (global.get $vector) (i32.const 8)))))

  (func (export "write") (param $at i32) (param $bytes i32) (result i32)
    (call $prepare (local.get $at) (local.get $bytes))
    (call $result (call $fd_write (i32.const 1) (global.get $vector) (i32.const 1) (i32.add (global.get $vector) (i32.const 8))))))
