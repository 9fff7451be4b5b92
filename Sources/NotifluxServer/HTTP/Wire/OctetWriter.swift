/// Writes many small pieces behind each other into memory that somebody else owns. Stops the program rather than write
/// behind its end.
struct OctetWriter {
  private let memory: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

  mutating func put(_ bytes: UnsafeRawBufferPointer) {
    UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count]).copyMemory(from: bytes)
    count += bytes.count
  }

  mutating func put(_ text: StaticString) {
    put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func put(_ text: String) {
    if text.utf8.withContiguousStorageIfAvailable({ put(UnsafeRawBufferPointer($0)) }) == nil {
      put(String(decoding: text.utf8, as: UTF8.self))  // Copied into contiguous storage.
    }
  }

  /// A whole field line.
  mutating func put(_ name: StaticString, _ value: String) {
    put(name)
    put(": ")
    put(value)
    put("\r\n")
  }

  mutating func put(decimal number: UInt64) {
    let end = count + Self.digits(of: number)
    var rest = number
    for place in (count..<end).reversed() {
      memory[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count = end
  }

  static func digits(of number: UInt64) -> Int {
    var (rest, count) = (number / 10, 1)
    while rest > 0 { (rest, count) = (rest / 10, count + 1) }
    return count
  }
}
