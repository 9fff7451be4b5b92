import Foundation
import Testing

@testable import NotifluxProtocol

@Suite("Base64")
struct Base64Tests {
  @Test(
    "the vectors of RFC 4648 §10 hold in both directions",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ])
  func vectors(plain: String, text: String) throws {
    #expect(Base64.encode(plain.utf8) == text)
    #expect(try Base64.decode(text) == Array(plain.utf8))
    let unpadded = text.filter { $0 != "=" }
    #expect(Base64URL.encode(plain.utf8) == unpadded)
    #expect(try Base64URL.decode(unpadded) == Array(plain.utf8))
  }

  @Test("all byte strings up to three bytes of some values come back, and Foundation writes the same")
  func roundTrip() throws {
    let values: [UInt8] = [0, 1, 0x3E, 0x3F, 0x7F, 0x80, 0xFB, 0xFE, 0xFF]
    var strings: [[UInt8]] = [[]]
    for first in values {
      strings.append([first])
      for second in values {
        strings.append([first, second])
        for third in values { strings.append([first, second, third]) }
      }
    }
    for bytes in strings {
      let standard = Data(bytes).base64EncodedString()
      #expect(Base64.encode(bytes) == standard)
      #expect(try Base64.decode(standard) == bytes)
      let url = Base64URL.encode(bytes)
      #expect(
        url == standard.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: ""))
      #expect(try Base64URL.decode(url) == bytes)
    }
  }

  @Test("a text in base64url has one spelling only: every other one is refused")
  func canonical() {
    var accepted = 0
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    for first in alphabet {
      for second in alphabet {
        guard let bytes = try? Base64URL.decode([first, second]) else { continue }
        accepted += 1
        #expect(Array(Base64URL.encode(bytes).utf8) == [first, second])
      }
    }
    #expect(accepted == 256)
  }

  @Test(
    "base64url with padding, white space, foreign characters or stray bits is refused at the right byte",
    arguments: [
      ("Zg==", .padding, 2), ("Zm8=", .padding, 3), ("Zm 9v", .character, 2), ("Zm9v\n", .character, 4),
      ("Zm+v", .character, 2), ("Zm/v", .character, 2), ("Zmé9v", .character, 2), ("Z", .length, 0),
      ("Zm9vZ", .length, 4), ("Zh", .trailingBits, 1), ("Zm9", .trailingBits, 2), ("=", .padding, 0),
    ] as [(String, Base64Error.Reason, Int)])
  func refused(text: String, reason: Base64Error.Reason, offset: Int) {
    #expect(throws: Base64Error(reason: reason, offset: offset)) { try Base64URL.decode(text) }
  }

  @Test(
    "standard base64 may be broken by white space and may leave its padding away",
    arguments: ["Zm9v\nYmE=", " Zm9vYmE=\r\n", "Zm9v\r\n\tYmE=\n", "Z m 9 v Y m E =", "Zm9vYmE"])
  func lenient(text: String) throws {
    #expect(try Base64.decode(text) == Array("fooba".utf8))
  }

  @Test(
    "standard base64 with wrong padding, foreign characters or stray bits is refused at the right byte",
    arguments: [
      ("Zg=", .padding, 2), ("Zm9v=", .padding, 4), ("Zg==Zg==", .characterAfterPadding, 4), ("Zm-v", .character, 2),
      ("Z\nm\n-v", .character, 4), ("Z", .length, 0), ("Zh==", .trailingBits, 1), ("====", .padding, 0),
    ] as [(String, Base64Error.Reason, Int)])
  func refusedStandard(text: String, reason: Base64Error.Reason, offset: Int) {
    #expect(throws: Base64Error(reason: reason, offset: offset)) { try Base64.decode(text) }
  }

  @Test("messages tell the place and nothing of the text")
  func message() {
    let error = #expect(throws: Base64Error.self) { try Base64URL.decode("Zm9vSECRET*") }
    #expect(error?.message == "a character that does not belong there at byte 10")
  }
}
