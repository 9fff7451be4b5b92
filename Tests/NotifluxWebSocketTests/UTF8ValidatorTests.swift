import Testing

@testable import NotifluxWebSocket

@Suite struct UTF8ValidatorTests {
  private func isValid(_ bytes: [UInt8], pieces size: Int) -> Bool {
    var validator = UTF8Validator()
    var start = 0
    while start < bytes.count {
      let end = min(start + size, bytes.count)
      guard bytes[start..<end].withUnsafeBytes({ validator.validate($0) }) else { return false }
      start = end
    }
    return validator.isComplete
  }

  @Test("it agrees with the standard library on random bytes, however they are cut")
  func agrees() {
    var random = SeededGenerator(seed: 3629)
    let leads: [UInt8] = [
      0x7F, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0x9F, 0xA0, 0x8F, 0x90,
    ]
    var valid = 0
    for _ in 0..<20000 {
      let bytes = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        Bool.random(using: &random) ? leads.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
      }
      let expected = String(validating: bytes, as: UTF8.self) != nil
      valid += expected ? 1 : 0
      for size in [1, 2, 9] { #expect(isValid(bytes, pieces: size) == expected, "\(bytes)") }
    }
    #expect(valid > 500, "the sample must have both kinds")
  }

  @Test("every scalar is valid, and none of its beginnings is complete")
  func scalars() {
    for value in stride(from: UInt32(0), through: 0x10FFFF, by: 257) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(scalar).utf8)
      #expect(isValid(bytes, pieces: 1))
      for length in 1..<max(bytes.count, 1) { #expect(!isValid(Array(bytes[..<length]), pieces: 4)) }
    }
  }
}
