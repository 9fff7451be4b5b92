/// JSON laid out for a person's eyes on a terminal.
extension JSONValue {
  /// Still JSON: a member or element a line, two blanks a level. Characters that a terminal would act upon or not show
  /// (Unicode categories Cc and Cf) are escaped.
  package func prettyPrinted() -> String {
    var text = ""
    pretty(into: &text, indentation: "")
    return text
  }

  private func pretty(into text: inout String, indentation: String) {
    let inner = indentation + "  "
    switch self {
    case .array(let elements) where !elements.isEmpty:
      Self.lines(elements, "[", "]", indentation, into: &text) { $0.pretty(into: &$1, indentation: inner) }
    case .object(let object) where !object.isEmpty:
      Self.lines(object.members, "{", "}", indentation, into: &text) { member, text in
        text += Self.visible(.string(member.name)) + ": "
        member.value.pretty(into: &text, indentation: inner)
      }
    default: text += Self.visible(self)
    }
  }

  private static func lines<Item>(
    _ items: [Item], _ open: String, _ close: String, _ indentation: String, into text: inout String,
    _ write: (Item, inout String) -> Void
  ) {
    text += open
    for (index, item) in items.enumerated() {
      text += (index == 0 ? "\n" : ",\n") + indentation + "  "
      write(item, &text)
    }
    text += "\n" + indentation + close
  }

  private static func visible(_ value: JSONValue) -> String {
    var text = ""
    for scalar in String(decoding: value.serialized(), as: UTF8.self).unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
