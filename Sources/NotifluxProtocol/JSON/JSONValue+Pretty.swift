/// JSON for a person's eyes on a terminal.
extension JSONValue {
  /// Still JSON, on one line. Characters that a terminal or a reader of lines would act upon, or not show (Unicode
  /// categories Cc, Cf, Zl and Zp), are escaped.
  package func visiblySerialized() -> String {
    var text = ""
    for scalar in String(decoding: serialized(), as: UTF8.self).unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// As `visiblySerialized`, a member or element a line, two blanks a level.
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
        text += JSONValue.string(member.name).visiblySerialized() + ": "
        member.value.pretty(into: &text, indentation: inner)
      }
    default: text += visiblySerialized()
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
}
