import NotifluxProtocol

/// The public keys that a token may be signed with, and the names by which its `kid` can ask for one: the RFC 7638
/// thumbprint that every key has, and the `kid` that it has in a JWK Set.
///
/// A name only says which key is tried first: a token by none of the keys costs one signature check for each.
public struct KeySet: Sendable {
  private struct Entry: Sendable {
    let key: PublicKey
    /// Beside its thumbprint.
    var names: [String] = []
  }

  /// Each key once, in the order in which they came.
  private var entries: [Entry] = []
  private var places: [PublicKey: Int] = [:]
  /// Where the keys of a name are. Keys of several files may have the same one.
  private var placesByName: [ByteKey: [Int]] = [:]

  /// The keys, known by their thumbprints.
  public init(_ keys: some Sequence<PublicKey>) {
    for key in keys { insert(key) }
  }

  /// How many different keys there are.
  public var count: Int { entries.count }

  /// Whether there is no key.
  public var isEmpty: Bool { entries.isEmpty }

  /// Adds a key, or to one that is there the name.
  public mutating func insert(_ key: PublicKey, named name: String? = nil) {
    let place = places[key] ?? add(key)
    guard let name, placesByName[ByteKey(name)]?.contains(place) != true else { return }
    entries[place].names.append(name)
    placesByName[ByteKey(name), default: []].append(place)
  }

  /// Adds all keys of `other`, with their names.
  public mutating func formUnion(_ other: KeySet) {
    for entry in other.entries {
      insert(entry.key)
      for name in entry.names { insert(entry.key, named: name) }
    }
  }

  private mutating func add(_ key: PublicKey) -> Int {
    let place = entries.count
    entries.append(Entry(key: key))
    places[key] = place
    placesByName[ByteKey(key.thumbprint), default: []].append(place)
    return place
  }

  func contains(_ key: PublicKey) -> Bool { places[key] != nil }

  /// In which order the keys are tried: those of the name come first, if there is one.
  func order(for name: String?) -> [PublicKey] {
    let named = name.flatMap { placesByName[ByteKey($0)] } ?? []
    guard !named.isEmpty else { return entries.map(\.key) }
    return (named + entries.indices.filter { !named.contains($0) }).map { entries[$0].key }
  }
}

extension KeySet: ExpressibleByArrayLiteral {
  /// The keys, known by their thumbprints.
  public init(arrayLiteral keys: PublicKey...) { self.init(keys) }
}
