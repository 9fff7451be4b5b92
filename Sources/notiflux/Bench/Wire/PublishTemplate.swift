import NIOCore
import NotifluxClient
import NotifluxProtocol

/// A whole `POST /broadcast` as bytes, in which only the topic's number and the members of the message are written anew for
/// each request.
struct PublishTemplate {
  private var request: ByteBuffer
  private let topicOffset: Int
  private let topicDigits: Int
  private let messageOffset: Int

  init(endpoint: Endpoint, token: String, topics: BenchTopics, format: MessageFormat) {
    var body: [UInt8] = Array(#"{"topic":"#.utf8)
    JSONWriter.string(topics.stem, into: &body)
    body.removeLast()  // The quote comes after the number.
    let topicOffset = body.count
    body += [UInt8](repeating: UInt8(ascii: "0"), count: topics.digits)
    body += #"","message":""#.utf8
    let messageOffset = body.count
    body += format.blank
    body += #""}"#.utf8
    let head =
      "POST \(endpoint.path(for: "/broadcast")) HTTP/1.1\r\nHost: \(endpoint.hostHeader)\r\nUser-Agent: notiflux\r\n"
      + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
    request = ByteBuffer(string: head)
    self.topicOffset = request.writerIndex + topicOffset
    self.messageOffset = request.writerIndex + messageOffset
    topicDigits = topics.digits
    request.writeBytes(body)
  }

  /// The request for one message. Copied only while the one before is still being written.
  mutating func request(for message: BenchMessage) -> ByteBuffer {
    request.withUnsafeMutableReadableBytes { bytes in
      var number = message.topic
      for index in stride(from: topicOffset + topicDigits - 1, through: topicOffset, by: -1) {
        bytes[index] = UInt8(ascii: "0") + UInt8(number % 10)
        number /= 10
      }
      MessageFormat.write(message, to: UnsafeMutableRawBufferPointer(rebasing: bytes[messageOffset...]))
    }
    return request
  }
}
