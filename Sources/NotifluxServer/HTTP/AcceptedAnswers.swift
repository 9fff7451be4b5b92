import NIOCore
import NotifluxProtocol

/// The answers to publishes on one loop, for clients of HTTP/1.1 whose connections go on. One differs from the next by
/// the number in its cursor alone, which is written over the last one.
struct AcceptedAnswers {
  private static let ending = #""}"#.utf8.count

  private let date: String
  /// The last answer, and how many digits its number has.
  private var bytes = ByteBuffer()
  private var digits = 0

  /// `date` is the value of the `Date` field.
  init(date: String) { self.date = date }

  /// The answer with `cursor`, which must be of the same log as all others. Nothing is allocated where the last one has
  /// been sent.
  mutating func answer(_ cursor: Cursor) -> ByteBuffer {
    let digits = OctetWriter.digits(of: cursor.sequence)
    if digits == self.digits {
      bytes.withUnsafeMutableReadableBytes { bytes in
        let end = bytes.count - Self.ending
        var writer = OctetWriter(UnsafeMutableRawBufferPointer(rebasing: bytes[(end - digits)..<end]))
        writer.put(decimal: cursor.sequence)
      }
    } else {
      bytes = HTTPResponse.accepted(cursor).encoded(for: nil, closes: false, date: date, origins: .unrestricted)
      self.digits = digits
    }
    return bytes
  }
}
