@preconcurrency import Glibc

/// The environment variables a program may look at.
package struct Environment: Sendable, ExpressibleByDictionaryLiteral {
  private let lookUp: @Sendable (String) -> String?
  /// The names of all that are there, in no order.
  private let list: @Sendable () -> [String]

  /// The variables of this process, read one by one as they are asked for.
  package static let process = Environment(lookUp: { getenv($0).map { String(cString: $0) } }, list: processNames)

  private init(lookUp: @escaping @Sendable (String) -> String?, list: @escaping @Sendable () -> [String]) {
    self.lookUp = lookUp
    self.list = list
  }

  /// Variables of which nobody can tell the names.
  package init(_ lookUp: @escaping @Sendable (String) -> String?) { self.init(lookUp: lookUp, list: { [] }) }
  package init(_ variables: [String: String]) {
    self.init(lookUp: { variables[$0] }, list: { Array(variables.keys) })
  }
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init(Dictionary(elements, uniquingKeysWith: { $1 }))
  }

  /// The value of a variable; nil when it is unset or empty.
  package subscript(name: String) -> String? {
    guard let value = lookUp(name), !value.isEmpty else { return nil }
    return value
  }

  /// The names of the variables that are set and not empty, sorted.
  var names: [String] { list().filter { self[$0] != nil }.sorted() }

  private static func processNames() -> [String] {
    var names: [String] = []
    var next = environ
    while let entry = next.pointee {
      names.append(String(String(cString: entry).prefix { $0 != "=" }))
      next += 1
    }
    return names
  }
}
