/** Binary formats declared as data. */
export { array, bytes, cstring, i32, u16, u32, u64, u8, type Field } from './field.ts';
export { struct, type Struct, type StructValue } from './struct.ts';
