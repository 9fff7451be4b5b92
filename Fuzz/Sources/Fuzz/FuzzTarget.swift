import CLibFuzzer
import Glibc

/// Something that reads bytes from outside, and what must hold whatever they are.
protocol FuzzTarget {
  static var name: String { get }
  /// Once, before anything else.
  static func prepare()
  /// Takes one input; calls ``violated(_:)`` where what must hold does not. Each input has to give the same each time.
  static func run(_ input: [UInt8])
}

extension FuzzTarget {
  static func prepare() {}
}

/// What libFuzzer, whose callback carries no context, is to call.
private nonisolated(unsafe) var current: (any FuzzTarget.Type)?

/// Hands a target over to libFuzzer; `words` are the arguments for that, the program's name first.
func run(_ target: any FuzzTarget.Type, _ words: [String]) -> Never {
  current = target
  target.prepare()
  var count = Int32(words.count)
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = .allocate(capacity: words.count + 1)
  for (index, word) in words.enumerated() { arguments?[index] = strdup(word) }
  arguments?[words.count] = nil
  exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
      // An array of its own: the address sanitizer sees a read beyond its end.
      current?.run([UInt8](UnsafeBufferPointer(start: bytes, count: size)))
      return 0
    })
}

/// Ends the process in the way libFuzzer takes for a finding.
func violated(_ promise: @autoclosure () -> String) -> Never {
  let line = Array("VIOLATED: \(promise())\n".utf8)
  write(STDERR_FILENO, line, line.count)
  abort()
}

/// Calls ``violated(_:)`` unless `condition` holds.
func require(_ condition: Bool, _ promise: @autoclosure () -> String) {
  guard condition else { violated(promise()) }
}

/// An input of which the first bytes say how the rest is to be used.
struct Choices {
  private(set) var rest: ArraySlice<UInt8>

  init(_ input: [UInt8]) { rest = input[...] }

  /// 0 once there is nothing left.
  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  /// All that is left, as a text.
  var text: String { String(decoding: rest, as: UTF8.self) }
}

/// Ways to cut some bytes into pieces: whole, byte by byte, and in pieces of sizes that follow from a seed.
func cuts(of bytes: ArraySlice<UInt8>, seed: UInt8) -> [[ArraySlice<UInt8>]] {
  var state = UInt32(seed) &* 2_654_435_761 | 1
  var pieces: [ArraySlice<UInt8>] = []
  var rest = bytes
  while !rest.isEmpty {
    state = state &* 1_664_525 &+ 1_013_904_223
    // Most are small, some are large.
    let size = 1 + Int(state >> 28) * (state >> 24 & 7 == 0 ? 97 : 1)
    pieces.append(rest.prefix(size))
    rest = rest.dropFirst(size)
  }
  return [[bytes], bytes.indices.map { bytes[$0...$0] }, pieces]
}

/// Whether a message to a person is one: of one line, not empty, without what a terminal acts upon.
func isOneLine(_ text: String) -> Bool {
  !text.isEmpty
    && text.unicodeScalars.allSatisfy {
      ![.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
    }
}
