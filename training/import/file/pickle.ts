// Python's pickles, protocols 2 to 5, as torch.save writes them: a program for a small stack machine. This machine
// builds plain containers and the objects of python-objects.ts, and runs nothing.
// https://docs.python.org/3/library/pickletools.html lists the opcodes.
import { type ByteCursor, refusal } from "./byte-file.ts";
import { callName, findName, type PythonValue, setState } from "./python-objects.ts";

/** Most opcodes of a file, which bounds its objects: a checkpoint of a thousand tensors has about thirty thousand. */
const MOST_OPCODES = 4_000_000;
/** Most bytes of a text. */
const MOST_TEXT = 1024 * 1024;
/** Most bytes of a name. */
const MOST_NAME = 4096;
/** Most bytes of a whole number. */
const MOST_DIGITS = 64;

/** Shared by the pickles of one file. */
export interface PickleOptions {
  /** What a persistent id stands for: a storage. */
  readonly persistent: (id: unknown) => unknown;
}

/**
 * Reads one pickle from `bytes` on.
 *
 * @throws AppError `invalid_checkpoint` where it is damaged, too large, or holds more than tensors and containers.
 */
export function readPickle(bytes: ByteCursor, { persistent }: PickleOptions): PythonValue {
  let stack: unknown[] = [];
  const marks: unknown[][] = [];
  const memo: unknown[] = [];

  const pop = (): unknown => {
    if (stack.length === 0) throw refusal("its pickle takes more values than it has");
    return stack.pop();
  };
  const top = (): unknown => {
    if (stack.length === 0) throw refusal("its pickle uses a value that it does not have");
    return stack[stack.length - 1];
  };
  const toMark = (): unknown[] => {
    const before = marks.pop();
    if (!before) throw refusal("its pickle ends a list that it did not begin");
    const items = stack;
    stack = before;
    return items;
  };
  const push = (value: unknown) => stack.push(value);
  const uint32 = () => bytes.view(4).getUint32(0, true);
  const uint64 = () => Number(bytes.view(8).getBigUint64(0, true));
  const text = (length: number): string => {
    if (length > MOST_TEXT) throw refusal(`a text in its pickle has ${length} bytes, more than ${MOST_TEXT}`);
    return Buffer.from(bytes.bytes(length)).toString("utf8");
  };
  const raw = (length: number): Uint8Array => {
    if (length > MOST_TEXT) throw refusal(`a value in its pickle has ${length} bytes, more than ${MOST_TEXT}`);
    return bytes.bytes(length).slice();
  };
  const whole = (length: number): number | bigint => {
    if (length > MOST_DIGITS) throw refusal(`a number in its pickle has ${length} bytes, more than ${MOST_DIGITS}`);
    return signed(bytes.bytes(length));
  };
  const remember = (index: number) => {
    if (index > MOST_OPCODES) throw refusal(`its pickle numbers a value ${index}`);
    memo[index] = top();
  };
  const recall = (index: number) => {
    if (!(index in memo)) throw refusal(`its pickle uses the value ${index} that it did not keep`);
    push(memo[index]);
  };
  const append = (items: readonly unknown[]) => {
    const target = top();
    if (!Array.isArray(target)) throw refusal("its pickle appends to something that is no list");
    for (const item of items) target.push(item);
  };
  const setItems = (items: readonly unknown[]) => {
    const target = top();
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw refusal("its pickle fills something that is no dictionary");
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  };
  const lastTwo = () => {
    const second = pop();
    return [pop(), second] as const;
  };
  const tuple = (length: number) => push(Array.from({ length }, pop).reverse());

  for (let opcodes = 0; opcodes < MOST_OPCODES; opcodes++) {
    const opcode = bytes.byte();
    switch (opcode) {
      case 0x80: // PROTO
        if (bytes.byte() > 5) throw refusal("its pickle is of a protocol above 5");
        break;
      case 0x95: // FRAME
        bytes.bytes(8);
        break;
      case 0x2e: // STOP
        return pop();
      case 0x28: // MARK
        marks.push(stack);
        stack = [];
        break;
      case 0x30: // POP
        pop();
        break;
      case 0x31: // POP_MARK
        toMark();
        break;
      case 0x32: // DUP
        push(top());
        break;
      case 0x4e: // NONE
        push(null);
        break;
      case 0x88: // NEWTRUE
        push(true);
        break;
      case 0x89: // NEWFALSE
        push(false);
        break;
      case 0x4a: // BININT
        push(bytes.view(4).getInt32(0, true));
        break;
      case 0x4b: // BININT1
        push(bytes.byte());
        break;
      case 0x4d: // BININT2
        push(bytes.view(2).getUint16(0, true));
        break;
      case 0x8a: // LONG1
        push(whole(bytes.byte()));
        break;
      case 0x8b: // LONG4
        push(whole(uint32()));
        break;
      case 0x47: // BINFLOAT
        push(bytes.view(8).getFloat64(0, false));
        break;
      case 0x55: // SHORT_BINSTRING, Python 2's texts
      case 0x8c: // SHORT_BINUNICODE
        push(text(bytes.byte()));
        break;
      case 0x54: // BINSTRING
      case 0x58: // BINUNICODE
        push(text(uint32()));
        break;
      case 0x8d: // BINUNICODE8
        push(text(uint64()));
        break;
      case 0x43: // SHORT_BINBYTES
        push(raw(bytes.byte()));
        break;
      case 0x42: // BINBYTES
        push(raw(uint32()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        push(raw(uint64()));
        break;
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        push([]);
        break;
      case 0x74: // TUPLE
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        push(toMark());
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        tuple(opcode - 0x84);
        break;
      case 0x61: // APPEND
        append([pop()]);
        break;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        append(toMark());
        break;
      case 0x7d: // EMPTY_DICT
        push(new Map());
        break;
      case 0x64: {
        // DICT
        const items = toMark();
        push(new Map());
        setItems(items);
        break;
      }
      case 0x73: // SETITEM
        setItems(lastTwo());
        break;
      case 0x75: // SETITEMS
        setItems(toMark());
        break;
      case 0x71: // BINPUT
        remember(bytes.byte());
        break;
      case 0x72: // LONG_BINPUT
        remember(uint32());
        break;
      case 0x94: // MEMOIZE
        remember(memo.length);
        break;
      case 0x68: // BINGET
        recall(bytes.byte());
        break;
      case 0x6a: // LONG_BINGET
        recall(uint32());
        break;
      case 0x63: // GLOBAL
        push(findName(bytes.line(MOST_NAME), bytes.line(MOST_NAME)));
        break;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = lastTwo();
        push(findName(String(module), String(name)));
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = lastTwo();
        push(callName(callee, args));
        break;
      }
      case 0x62: {
        // BUILD
        const state = pop();
        setState(top(), state);
        break;
      }
      case 0x51: // BINPERSID
        push(persistent(pop()));
        break;
      default:
        throw refusal(`its pickle has the instruction 0x${opcode.toString(16)}, which torch.save does not write`);
    }
  }
  throw refusal(`its pickle has more than ${MOST_OPCODES} instructions`);
}

/** A whole number in two's complement, little-endian. */
function signed(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  value = BigInt.asIntN(8 * bytes.length, value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
