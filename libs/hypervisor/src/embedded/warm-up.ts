/**
 * A program that a vCPU's thread runs once before it is ready, so that the first instruction of a real one does not wait for the engine to
 * load, and compile, what every program goes through.
 */
import type { MessagePort } from 'node:worker_threads';
import { createConsoleRing } from './console-ring.ts';
import { ControlBlock } from './control-block.ts';
import { runProgram } from './vcpu.ts';

/*
 * (module
 *   (import "env" "memory" (memory 129 129 shared))
 *   (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
 *   (import "verbena" "hypercall" (func $hypercall (param i32 i32 i32 i32 i32) (result i32)))
 *   (func (export "_start")
 *     (drop (call $hypercall (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
 *     (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 0)))
 *     (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
 */
const program =
  'AGFzbQEAAAABHARgA39+fwF/YAR/f39/AX9gBX9/f39/AX9gAAACcAQDZW52Bm1lbW9yeQIDgQGBARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxDmNsb2NrX3RpbWVfZ2V0' +
  'AAAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF93cml0ZQABB3ZlcmJlbmEJaHlwZXJjYWxsAAIDAgEDBwoBBl9zdGFydAADCiUBIwBBAEEAQQBBAEEAEAIaQQFCAEEA' +
  'EAAaQQFBAEEBQRAQARoL';
const pages = 129;

/** Nothing of it is seen outside: its console has no reader, and it has no disk, since it opens no file. */
export function warmUp(answers: MessagePort): void {
  const module = new WebAssembly.Module(Uint8Array.from(Buffer.from(program, 'base64')));
  runProgram(
    {
      ...{ type: 'run', run: 0, module, memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) },
      ...{
        control: new ControlBlock().shared,
        console: createConsoleRing(),
        ioPath: 'bypass',
        rank: 0,
        rendezvous: 0,
        spawns: false,
        args: ['warm-up'],
        env: { HOME: '/' },
      },
      ...{ stdin: new Uint8Array(), scratchDir: '/nonexistent', temporaryDir: '/nonexistent', scratchBytes: 0, outputLimitBytes: 1024 },
      ...{ memoryLimitBytes: pages * 65_536, openFiles: 8 },
    },
    answers,
    () => undefined,
  );
}
