/// How help marks its words: not at all, or by the escape sequences of ECMA-48 §8.3.117.
package enum Style: Sendable {
  case plain
  case ansi

  func apply(to fragment: Fragment) -> String {
    guard self == .ansi else { return fragment.text }
    return switch fragment.role {
    case .plain: fragment.text
    case .literal, .heading: "\u{1B}[1m\(fragment.text)\u{1B}[0m"
    case .placeholder: "\u{1B}[4m\(fragment.text)\u{1B}[0m"
    }
  }
}
