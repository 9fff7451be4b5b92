import Glibc

/// The environment variables a program may look at.
package struct Environment: Sendable, ExpressibleByDictionaryLiteral {
  private let lookUp: @Sendable (String) -> String?

  /// The variables of this process, read one by one as they are asked for.
  package static let process = Environment { name in getenv(name).map { String(cString: $0) } }

  package init(_ lookUp: @escaping @Sendable (String) -> String?) { self.lookUp = lookUp }
  package init(_ variables: [String: String]) { self.init { variables[$0] } }
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init(Dictionary(elements, uniquingKeysWith: { $1 }))
  }

  /// The value of a variable; nil when it is unset or empty.
  package subscript(name: String) -> String? {
    guard let value = lookUp(name), !value.isEmpty else { return nil }
    return value
  }
}
