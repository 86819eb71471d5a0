package answer_test

import (
	"errors"
	"strings"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/store/chroma/answer"
)

// offset fails the test unless err is a SyntaxError at that byte.
func offset(t *testing.T, err error, want int) {
	t.Helper()
	var syntax *record.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("got error %v, want a SyntaxError", err)
	}
	if syntax.Offset != want {
		t.Errorf("got %q, want offset %d", syntax, want)
	}
}

// lines returns the rows of a page.
func lines(t *testing.T, body string) []string {
	t.Helper()
	var s record.Scanner
	var p answer.Page
	if err := p.Scan([]byte(body)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range p.IDs {
		line, err := s.AppendLine(nil, []byte(body), p.Row(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Vector(line); err != nil {
			t.Fatalf("Vector(%s): %v", line, err)
		}
		out = append(out, string(line))
	}
	return out
}

func TestPage(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"None", `{"ids":[],"embeddings":[],"documents":[],"uris":null,"metadatas":[],"include":[]}`, nil},
		{
			"AsChromaSends", `{"ids":["x","y"],"embeddings":[[1.0,-0.5],[1e-7,2.0]],"documents":[null,"d\u00e9\n"],"uris":null,"metadatas":[{"b":1,"a":2.50},null],"include":["embeddings"]}`,
			[]string{
				`{"id":"x","embedding":[1.0,-0.5],"metadata":{"a":2.50,"b":1},"document":null}`,
				`{"id":"y","embedding":[1e-7,2.0],"metadata":null,"document":"d\u00e9\n"}`,
			},
		},
		{"OnlyIDs", `{"ids":["x"]}`, []string{`{"id":"x","embedding":null,"metadata":null,"document":null}`}},
		{"NullEmbedding", `{"ids":["x","y"],"embeddings":[null,[1]]}`, []string{
			`{"id":"x","embedding":null,"metadata":null,"document":null}`,
			`{"id":"y","embedding":[1],"metadata":null,"document":null}`,
		}},
		{
			"NullColumns", `{"ids":["x"],"embeddings":null,"documents":null,"metadatas":null,"uris":null}`,
			[]string{`{"id":"x","embedding":null,"metadata":null,"document":null}`},
		},
		{
			"Whitespace", " {\n\"ids\" : [ \"x y\" ] ,\"metadatas\":[ {\"b c\" : [ 1 , \" \" ] ,\r\n\t\"a\":1 } ],\"embeddings\":[ [ 1 ,\n2,\t3\r] ] } \n",
			[]string{`{"id":"x y","embedding":[1,2,3],"metadata":{"a":1,"b c":[1," "]},"document":null}`},
		},
		{"URI", `{"ids":["x","y","z"],"uris":["u:\"",null,"v"],"metadatas":[{"d":1,"a":2},{"k":1},null]}`, []string{
			`{"id":"x","embedding":null,"metadata":{"a":2,"chroma:uri":"u:\"","d":1},"document":null}`,
			`{"id":"y","embedding":null,"metadata":{"k":1},"document":null}`,
			`{"id":"z","embedding":null,"metadata":{"chroma:uri":"v"},"document":null}`,
		}},
		{
			"URIThereAlready", `{"ids":["x"],"uris":["u"],"metadatas":[{"chroma:uri":"u","a":2}]}`,
			[]string{`{"id":"x","embedding":null,"metadata":{"a":2,"chroma:uri":"u"},"document":null}`},
		},
		{"EmptyMetadata", `{"ids":["x"],"metadatas":[{}]}`, []string{`{"id":"x","embedding":null,"metadata":{},"document":null}`}},
		{
			"UnknownKeys", `{"distances":[[0.5]],"ids":["x"],"data":{"ids":["z"]}}`,
			[]string{`{"id":"x","embedding":null,"metadata":null,"document":null}`},
		},
		{
			"KeysSortedAsDecoded", `{"ids":["x"],"metadatas":[{"é":1,"b":2,"\u0061":3,"z":4,"😀":5,"":6}]}`,
			[]string{`{"id":"x","embedding":null,"metadata":{"":6,"\u0061":3,"b":2,"z":4,"é":1,"😀":5},"document":null}`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lines(t, c.body)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestPageReused scans a page into the columns of another.
func TestPageReused(t *testing.T) {
	var p answer.Page
	for _, body := range []string{`{"ids":["x","y"],"uris":["u",null],"documents":["d","e"]}`, `{"ids":["z"]}`} {
		if err := p.Scan([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.IDs) != 1 || len(p.URIs) != 0 || len(p.Documents) != 0 {
		t.Errorf("got %+v, want one id alone", p)
	}
}

func TestPageRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		offset     int
	}{
		{"Empty", ``, 0},
		{"NoObject", `[]`, 0},
		{"Cut", `{"ids":["x"],"embeddings":[[1,2`, 31},
		{"CutAfterRow", `{"ids":["x"],"embeddings":[[1,2]`, 32},
		{"TrailingBytes", `{"ids":[]} {}`, 11},
		{"NoIDs", `{"embeddings":[]}`, 0},
		{"IDsNull", `{"ids":null}`, 7},
		{"IDNumber", `{"ids":[1]}`, 8},
		{"IDNull", `{"ids":[null]}`, 8},
		{"DuplicateColumn", `{"ids":[],"ids":[]}`, 10},
		{"FewerEmbeddings", `{"ids":["x","y"],"embeddings":[[1]]}`, 0},
		{"MoreEmbeddings", `{"ids":["x"],"embeddings":[[1],[2]]}`, 0},
		{"EmptyDocuments", `{"ids":["x"],"documents":[]}`, 0},
		{"FewerMetadatas", `{"ids":["x","y"],"metadatas":[{}]}`, 0},
		{"MoreURIs", `{"ids":["x"],"uris":["u",null]}`, 0},
		{"EmbeddingNumber", `{"ids":["x"],"embeddings":[1]}`, 27},
		{"EmbeddingNested", `{"ids":["x"],"embeddings":[[[1]]]}`, 32},
		{"MetadataString", `{"ids":["x"],"metadatas":["{}"]}`, 26},
		{"MetadataCut", `{"ids":["x"],"metadatas":[{"a":]}`, 31},
		{"DocumentNumber", `{"ids":["x"],"documents":[1]}`, 26},
		{"URIObject", `{"ids":["x"],"uris":[{}]}`, 21},
		{"UnknownKeyBroken", `{"ids":["x"],"data":tru}`, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p answer.Page
			err := p.Scan([]byte(c.body))
			if err == nil {
				t.Fatalf("got %+v, want an error", p)
			}
			offset(t, err, c.offset)
		})
	}
}

// TestPageLeavesNumbersToVector shows which bad rows a page lets through, and
// that their lines are refused.
func TestPageLeavesNumbersToVector(t *testing.T) {
	for name, body := range map[string]string{
		"NumberOverflow": `{"ids":["x"],"embeddings":[[1e39]]}`,
		"NumbersJoined":  `{"ids":["x"],"embeddings":[[1 2]]}`,
		"NumberSplit":    `{"ids":["x"],"embeddings":[[1.,2]]}`,
		"Words":          `{"ids":["x"],"embeddings":[[null]]}`,
		"IDEmpty":        `{"ids":[""]}`,
		"SurrogateHalf":  `{"ids":["x"],"documents":["\ud800"]}`,
		"MetadataTwice":  `{"ids":["x"],"metadatas":[{"a":1,"a":1}]}`,
		"OtherURI":       `{"ids":["x"],"uris":["v"],"metadatas":[{"chroma:uri":"u"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var s record.Scanner
			var p answer.Page
			if err := p.Scan([]byte(body)); err != nil {
				t.Fatal(err)
			}
			line, err := s.AppendLine(nil, []byte(body), p.Row(0))
			if name == "NumbersJoined" {
				offset(t, err, 3)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v, err := s.Vector(line); err == nil {
				t.Errorf("Vector(%s): got %+v, want an error", line, v)
			}
		})
	}
}
