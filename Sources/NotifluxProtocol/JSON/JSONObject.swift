/// The members of a JSON object in their order, each name once; names are compared byte for byte.
package struct JSONObject: Sendable, Equatable {
  package struct Member: Sendable, Equatable {
    package let name: String
    package var value: JSONValue
    /// Tells most names apart without a look at their bytes.
    fileprivate let key: UInt64

    package init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
      key = JSONName.key(name)
    }

    init(_ name: JSONName, value: JSONValue) {
      self.name = name.text
      self.value = value
      key = name.key
    }

    package static func == (left: Member, right: Member) -> Bool {
      left.name.hasSameBytes(as: right.name) && left.value == right.value
    }
  }

  /// In the order of the text.
  package private(set) var members: [Member]

  /// An object without members.
  package init() {
    members = []
  }

  /// The caller answers for each name being there once.
  init(distinct members: [Member]) {
    self.members = members
  }

  package var count: Int { members.count }
  package var isEmpty: Bool { members.isEmpty }

  /// The value of a member; one pass over the members. Setting replaces in place or appends, nil removes.
  package subscript(name: String) -> JSONValue? {
    get { index(of: name).map { members[$0].value } }
    set {
      let index = index(of: name)
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(name: name, value: value))
      case (nil, nil): break
      }
    }
  }
}

extension JSONObject {
  private func index(of name: String) -> Int? {
    let key = JSONName.key(name)
    for index in members.indices where members[index].key == key {
      if JSONName.isWhole(key) || members[index].name.hasSameBytes(as: name) { return index }
    }
    return nil
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Of a name that stands there twice the last value counts.
  package init(dictionaryLiteral members: (String, JSONValue)...) {
    self.init()
    for (name, value) in members { self[name] = value }
  }
}
