import NotifluxProtocol

/// The text of a cursor.
enum Cursors: FuzzTarget {
  static let name = "cursors"

  static func run(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    do throws(Refusal) {
      let cursor = try Cursor(text)
      require(cursor.description.utf8.elementsEqual(text.utf8), "what is printed is what was read")
      require(cursor.textLength == text.utf8.count, "a text is as long as it says")
      require(BroadcastAnswer.accepted(cursor).json == Array("{\"cursor\":\"\(text)\"}".utf8), "an answer quotes it")
    } catch {
      require(error.code == .badRequest && isOneLine(error.message), "a refusal is one line")
    }
  }
}
