package record

// Walk takes a JSON text apart whose shape its caller knows. Its methods take the
// offset at which something has to start, and return the offset behind it or a
// *SyntaxError. Depth is how many arrays and objects are open with it.
type Walk struct{ r reader }

// NewWalk returns a walk through text.
func NewWalk(text []byte) Walk { return Walk{reader{b: text}} }

// Start is where the value begins.
func (w *Walk) Start() int { return w.r.space(0) }

// End makes sure that only whitespace follows.
func (w *Walk) End(at int) error { return w.r.end(at) }

// Object calls member with the key, a JSON string, and the value of each member.
func (w *Walk) Object(at, depth int, member func(key Span, at int) (int, error)) (int, error) {
	return w.r.members(at, depth, func(key token, at int) (int, error) { return member(key.Span, at) })
}

// Array calls item with each item.
func (w *Walk) Array(at, depth int, item func(at int) (int, error)) (int, error) {
	return w.r.items(at, depth, item)
}

// Value takes any value, inside as many arrays and objects as depth says.
func (w *Walk) Value(at, depth int) (int, error) { return w.r.value(at, depth) }

// String takes a string.
func (w *Walk) String(at int) (int, error) {
	t, err := w.r.str(at)
	return t.End, err
}

// StringOrNull takes a string or null.
func (w *Walk) StringOrNull(at int) (int, error) { return w.r.stringOrNull(at) }

// Null reports whether null is at an offset.
func (w *Walk) Null(at int) bool { return w.r.null(at) }

// Unexpected is the error for what is at an offset.
func (w *Walk) Unexpected(at int, want string) error { return w.r.unexpected(at, want) }
