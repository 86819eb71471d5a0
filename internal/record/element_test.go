package record_test

import (
	"bytes"
	"strings"
	"testing"

	"keepsake/internal/record"
)

// elementRow is what a database row of the graph holds; nil is NULL.
type elementRow struct {
	edge                             bool
	id, userID, source, target, kind []byte
	data                             string
}

func (r elementRow) print(s *record.Scanner) ([]byte, error) {
	return s.AppendElement(nil, r.edge, r.id, r.userID, r.source, r.target, r.kind, []byte(r.data))
}

// wantColumns compares the columns of e with r, NULL and "" apart.
func wantColumns(t *testing.T, e *record.Element, r elementRow) {
	t.Helper()
	if e.Edge != r.edge {
		t.Errorf("got edge %v, want %v", e.Edge, r.edge)
	}
	for name, c := range map[string]struct{ got, want []byte }{
		"id": {e.ID, r.id}, "user_id": {e.UserID, r.userID},
		"source": {e.Source, r.source}, "target": {e.Target, r.target}, "type": {e.Type, r.kind},
	} {
		if !bytes.Equal(c.got, c.want) || (c.got == nil) != (c.want == nil) {
			t.Errorf("%s: got %q (NULL %v), want %q (NULL %v)", name, c.got, c.got == nil, c.want, c.want == nil)
		}
	}
}

func b(s string) []byte { return []byte(s) }

func TestElement(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       elementRow
		label      string
	}{
		{
			"Node", `{"type":"node","data":{"id":"n1","label":"System","properties":{"userId":"u"}}}`,
			elementRow{id: b("n1"), userID: b("u")},
			"System",
		},
		{"NodeWithoutUser", `{"type":"node","data":{"id":"n1","properties":{"userId":null}}}`, elementRow{id: b("n1")}, ""},
		{
			"UserOfData", `{"type":"node","data":{"user_id":"v","id":"n1","properties":{"userId":null}}}`,
			elementRow{id: b("n1"), userID: b("v")},
			"",
		},
		{
			"UserOfPropertiesFirst", `{"type":"node","data":{"properties":{"userId":"u"},"user_id":"v","id":"n1"}}`,
			elementRow{id: b("n1"), userID: b("u")},
			"",
		},
		{"EmptyUserIsNoNull", `{"type":"node","data":{"id":"n1","user_id":""}}`, elementRow{id: b("n1"), userID: b("")}, ""},
		{
			"PropertiesNoObject", `{"type":"node","data":{"id":"n1","properties":"userId","user_id":"v"}}`,
			elementRow{id: b("n1"), userID: b("v")},
			"",
		},
		{
			"Edge", `{"type":"edge","data":{"id":"e","source":"a","target":"b","type":"T"}}`,
			elementRow{edge: true, id: b("e"), source: b("a"), target: b("b"), kind: b("T")},
			"",
		},
		{
			"EdgeWithoutID", `{"type":"edge","data":{"source":"a","target":"b","type":"T"}}`,
			elementRow{edge: true, id: b("a->b:T"), source: b("a"), target: b("b"), kind: b("T")},
			"",
		},
		{
			"EdgeWithoutIDByColumns", `{"columns":{"target":"c"},"data":{"source":"a","target":"b","type":"T"},"type":"edge"}`,
			elementRow{edge: true, id: b("a->c:T"), source: b("a"), target: b("c"), kind: b("T")},
			"",
		},
		{
			"ColumnsOverride", `{"type":"node","data":{"id":"n1","user_id":"v"},"columns":{"id":"n2","user_id":null}}`,
			elementRow{id: b("n2")},
			"",
		},
		{
			"Escapes", ` { "t\u0079pe" : "n\u006fde" , "data":{"\u0069d":"n\u00e9\n","la\u0062el":"\u004c","prop\u0065rties":{"user\u0049d":"\ud83d\ude00"}}}`,
			elementRow{id: b("né\n"), userID: b("😀")},
			"L",
		},
		{
			"Raw", `{"type":"edge","raw":"not { json","columns":{"id":"e","source":"a","target":"b","type":"T"}}`,
			elementRow{edge: true, id: b("e"), source: b("a"), target: b("b"), kind: b("T")},
			"",
		},
		{"LastOfEqualKeys", `{"type":"node","data":{"id":"n1","id":"n2"}}`, elementRow{id: b("n2")}, ""},
		{
			"LastOfEqualProperties", `{"type":"node","data":{"id":"n1","properties":{"userId":"u"},"properties":{}}}`,
			elementRow{id: b("n1")},
			"",
		},
		{"HalfSurrogatePairKept", `{"type":"node","data":{"id":"n1","label":"\ud83d","text":"cut \ud83d"}}`, elementRow{id: b("n1")}, ""},
		{
			"EdgeWithoutType", `{"type":"edge","data":{"id":"e","source":"a","target":"b"}}`,
			elementRow{edge: true, id: b("e"), source: b("a"), target: b("b")},
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			e, err := s.Element([]byte(c.line))
			if err != nil {
				t.Fatal(err)
			}
			wantColumns(t, e, c.want)
			if string(e.Label) != c.label || (e.Label == nil) != (c.label == "") {
				t.Errorf("got label %q, want %q", e.Label, c.label)
			}
		})
	}
}

func TestElementSpans(t *testing.T) {
	var s record.Scanner
	line := []byte(`{"type":"node","data": {"id":"a"} ,"columns":{"id":"b"}}`)
	e, err := s.Element(line)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.Data.Of(line)) + string(e.Columns.Of(line)); got != `{"id":"a"}{"id":"b"}` || !e.Raw.Empty() {
		t.Errorf("got %s, raw %v", got, e.Raw)
	}
	line = []byte(`{"type":"node","raw":"x\"y","columns":{"id":"b"}}`)
	if e, err = s.Element(line); err != nil {
		t.Fatal(err)
	}
	if got := string(e.Raw.Of(line)); got != `"x\"y"` || !e.Data.Empty() {
		t.Errorf("got raw %s, data %v", got, e.Data)
	}
}

func TestElementRefuses(t *testing.T) {
	deep := strings.Repeat("[", record.MaxDepth-1) + strings.Repeat("]", record.MaxDepth-1)
	for _, c := range []struct {
		name, line string
		offset     int
	}{
		{"Empty", ``, 0},
		{"NoObject", `"node"`, 0},
		{"TrailingBytes", `{"type":"node","data":{"id":"a"}},`, 33},
		{"NoType", `{"data":{"id":"a"}}`, 0},
		{"OtherType", `{"type":"vertex","data":{"id":"a"}}`, 8},
		{"TypeNoString", `{"type":1,"data":{"id":"a"}}`, 8},
		{"NoData", `{"type":"node","columns":{"id":"a"}}`, 0},
		{"DataNull", `{"type":"node","data":null}`, 22},
		{"DataArray", `{"type":"node","data":[]}`, 22},
		{"DataAndRaw", `{"type":"node","data":{"id":"a"},"raw":"x"}`, 39},
		{"RawNoString", `{"type":"node","raw":{},"columns":{"id":"a"}}`, 21},
		{"RawHalfSurrogatePair", `{"type":"node","raw":"\udc00","columns":{"id":"a"}}`, 22},
		{"UnknownKey", `{"type":"node","data":{"id":"a"},"id":"a"}`, 33},
		{"DuplicateKey", `{"type":"node","type":"node","data":{"id":"a"}}`, 15},
		{"DuplicateData", `{"type":"node","data":{"id":"a"},"d\u0061ta":{}}`, 33},
		{"DataTooDeep", `{"type":"node","data":{"id":"a","x":` + deep + `}}`, 36 + record.MaxDepth - 2},
		{"InvalidUTF8", "{\"type\":\"node\",\"data\":{\"id\":\"\xff\"}}", 29},
		{"BadNumber", `{"type":"node","data":{"id":"a","x":01}}`, 36},
		{"NoID", `{"type":"node","data":{}}`, 0},
		{"EmptyID", `{"type":"node","data":{"id":""}}`, 0},
		{"NumericID", `{"type":"node","data":{"id":7}}`, 0},
		{"IDHalfSurrogatePair", `{"type":"node","data":{"id":"\ud800"}}`, 0},
		{"IDNullByColumns", `{"type":"node","data":{"id":"a"},"columns":{"id":null}}`, 49},
		{"ColumnsNoObject", `{"type":"node","data":{"id":"a"},"columns":null}`, 43},
		{"ColumnsUnknown", `{"type":"node","data":{"id":"a"},"columns":{"label":"b"}}`, 44},
		{"ColumnsDuplicate", `{"type":"node","data":{"id":"a"},"columns":{"id":"b","id":"c"}}`, 53},
		{"ColumnsNumber", `{"type":"node","data":{"id":"a"},"columns":{"user_id":1}}`, 54},
		{"ColumnsOfEdgeInNode", `{"type":"node","data":{"id":"a"},"columns":{"source":"b"}}`, 44},
		{"EdgeNoSource", `{"type":"edge","data":{"id":"e","target":"b","type":"T"}}`, 0},
		{"EdgeEmptySource", `{"type":"edge","data":{"id":"e","source":"","target":"b","type":"T"}}`, 0},
		{"EdgeNoTarget", `{"type":"edge","data":{"id":"e","source":"a","type":"T"}}`, 0},
		{"EdgeNoIDNoType", `{"type":"edge","data":{"source":"a","target":"b"}}`, 0},
		{"EdgeSourceNullByColumns", `{"type":"edge","data":{"id":"e","source":"a","target":"b"},"columns":{"source":null}}`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			e, err := s.Element([]byte(c.line))
			if err == nil {
				t.Fatalf("got %+v, want an error", e)
			}
			offset(t, err, c.offset)
		})
	}
}

func TestAppendElement(t *testing.T) {
	deepest := strings.Repeat(`{"a":`, record.MaxDepth-1) + "1" + strings.Repeat("}", record.MaxDepth-1)
	edge := `{"source":"a","target":"b","type":"T"}`
	for _, c := range []struct {
		name string
		row  elementRow
		want string
	}{
		{
			"Implied",
			elementRow{id: b("n"), userID: b("u"), data: `{"id":"n","properties":{"userId":"u"}}`},
			`{"type":"node","data":{"id":"n","properties":{"userId":"u"}}}`,
		},
		{"AsStored", elementRow{id: b("n"), data: "{ \"id\":\r\n\"n\",\n\t\"x\":1.50 }"}, "{\"type\":\"node\",\"data\":{ \"id\":\"n\",\t\"x\":1.50 }}"},
		{"SpaceBehindIsRaw", elementRow{id: b("n"), data: `{} `}, `{"type":"node","raw":"{} ","columns":{"id":"n"}}`},
		{"SpaceBeforeIsRaw", elementRow{id: b("n"), data: "\t{}"}, `{"type":"node","raw":"\t{}","columns":{"id":"n"}}`},
		{"LineBreakBehindIsRaw", elementRow{id: b("n"), data: "{}\n"}, `{"type":"node","raw":"{}\n","columns":{"id":"n"}}`},
		{
			"OtherUser",
			elementRow{id: b("n"), userID: b("w"), data: `{"id":"n","user_id":"u"}`},
			`{"type":"node","data":{"id":"n","user_id":"u"},"columns":{"user_id":"w"}}`,
		},
		{
			"UserNull",
			elementRow{id: b("n"), data: `{"id":"n","user_id":"u"}`},
			`{"type":"node","data":{"id":"n","user_id":"u"},"columns":{"user_id":null}}`,
		},
		{
			"UserEmpty",
			elementRow{id: b("n"), userID: b(""), data: `{"id":"n"}`},
			`{"type":"node","data":{"id":"n"},"columns":{"user_id":""}}`,
		},
		{"NumericIDIsNotImplied", elementRow{id: b("7"), data: `{"id":7}`}, `{"type":"node","data":{"id":7},"columns":{"id":"7"}}`},
		{"NodeWithSource", elementRow{id: b("n"), data: `{"id":"n","source":"wiki"}`}, `{"type":"node","data":{"id":"n","source":"wiki"}}`},
		{
			"EdgeIDImplied",
			elementRow{edge: true, id: b("a->b:T"), source: b("a"), target: b("b"), kind: b("T"), data: edge},
			`{"type":"edge","data":` + edge + `}`,
		},
		{
			"EdgeColumns",
			elementRow{edge: true, id: b("e"), source: b("x"), target: b("b"), kind: b("U"), data: edge},
			`{"type":"edge","data":` + edge + `,"columns":{"id":"e","source":"x","type":"U"}}`,
		},
		{
			"RawText",
			elementRow{id: b("n"), data: "not \"json\"\n\x01"},
			`{"type":"node","raw":"not \"json\"\n\u0001","columns":{"id":"n"}}`,
		},
		{"RawEmpty", elementRow{id: b("n")}, `{"type":"node","raw":"","columns":{"id":"n"}}`},
		{"RawArray", elementRow{id: b("n"), data: `[1]`}, `{"type":"node","raw":"[1]","columns":{"id":"n"}}`},
		{"RawTwoObjects", elementRow{id: b("n"), data: `{}{}`}, `{"type":"node","raw":"{}{}","columns":{"id":"n"}}`},
		{
			"RawEdge",
			elementRow{edge: true, id: b("a->b:T"), source: b("a"), target: b("b"), kind: b("T"), data: "{"},
			`{"type":"edge","raw":"{","columns":{"source":"a","target":"b","type":"T"}}`,
		},
		{"DeepestData", elementRow{id: b("n"), data: deepest}, `{"type":"node","data":` + deepest + `,"columns":{"id":"n"}}`},
		{
			"TooDeepIsRaw",
			elementRow{id: b("n"), data: `{"x":` + deepest + `}`},
			`{"type":"node","raw":"{\"x\":` + strings.ReplaceAll(deepest, `"`, `\"`) + `}","columns":{"id":"n"}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			got, err := c.row.print(&s)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			e, err := s.Element(got)
			if err != nil {
				t.Fatalf("Element(%s): %v", got, err)
			}
			wantColumns(t, e, c.row)
			if stored, want := rawOrData(t, e, got), textBack(c.row.data); string(stored) != want {
				t.Errorf("got data %q, want %q", stored, want)
			}
		})
	}
}

func TestAppendElementRefuses(t *testing.T) {
	for name, row := range map[string]elementRow{
		"IDNull":          {data: `{"id":"n"}`},
		"IDEmpty":         {id: b(""), data: `{"id":"n"}`},
		"SourceNull":      {edge: true, id: b("e"), target: b("b"), kind: b("T"), data: `{}`},
		"SourceEmpty":     {edge: true, id: b("e"), source: b(""), target: b("b"), kind: b("T"), data: `{}`},
		"TargetNull":      {edge: true, id: b("e"), source: b("a"), kind: b("T"), data: `{}`},
		"DataInvalidUTF8": {id: b("n"), data: "{\"id\":\"n\",\"x\":\"\xff\"}"},
		"RawInvalidUTF8":  {id: b("n"), data: "\xff"},
		"IDInvalidUTF8":   {id: b("\xff"), data: `{}`},
		"UserInvalidUTF8": {id: b("n"), userID: b("\xff"), data: `{"id":"n"}`},
		"TypeInvalidUTF8": {edge: true, id: b("e"), source: b("a"), target: b("b"), kind: b("\xff"), data: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			var s record.Scanner
			if line, err := row.print(&s); err == nil {
				t.Errorf("got %s, want an error", line)
			}
		})
	}
}
