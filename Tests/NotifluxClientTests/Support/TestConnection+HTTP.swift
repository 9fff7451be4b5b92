import NIOCore
import NotifluxProtocol

struct TestRequest: Sendable {
  var line: String
  /// Names in lower case.
  var fields: [String: String]
  var body: String

  var json: JSONObject { (try? JSONValue.parse(body))?.object ?? JSONObject() }
  var message: String? { json["message"]?.string }
  var id: String? { json["id"]?.string }
}

extension TestConnection {
  func readRequest() async throws -> TestRequest {
    let head = try await read(through: "\r\n\r\n").split(separator: "\r\n")
    var fields: [String: String] = [:]
    for field in head.dropFirst() {
      let parts = field.split(separator: ":", maxSplits: 1)
      fields[parts[0].lowercased()] = parts.last?.drop { $0 == " " }.description
    }
    let length = fields["content-length"].flatMap { Int($0) } ?? 0
    return TestRequest(line: String(head[0]), fields: fields, body: String(buffer: try await read(count: length)))
  }

  func accept(_ sequence: Int) async throws { try await write(answer("200 OK", #"{"cursor":"e:\#(sequence)"}"#)) }
}

func answer(_ status: String, _ body: String, _ fields: String...) -> String {
  let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
  return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
}
