package record_test

import (
	"testing"

	"keepsake/internal/record"
)

func TestAppendVector(t *testing.T) {
	text, empty := "a \"b\"\n", ""
	for _, c := range []struct {
		name, id       string
		bits, metadata []byte
		document       *string
		want           string
	}{
		{
			"Full", "é\t", b("\x00\x00\x80\x3f\x00\x00\x00\x80"), b(`{"b": 1,"a":[ ]}`), &text,
			`{"id":"é\t","embedding":[1,-0],"metadata":{"a":[],"b":1},"document":"a \"b\"\n"}`,
		},
		{"Nulls", "x", nil, nil, nil, `{"id":"x","embedding":null,"metadata":null,"document":null}`},
		{"NullMetadata", "x", []byte{}, b("null"), &empty, `{"id":"x","embedding":[],"metadata":null,"document":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			got, err := s.AppendVector(b("before "), c.id, c.bits, c.metadata, c.document)
			if err != nil || string(got) != "before "+c.want {
				t.Errorf("got %s %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestAppendVectorRefuses(t *testing.T) {
	bad, good := "\xff", "x"
	for name, c := range map[string]struct {
		id             string
		bits, metadata []byte
		document       *string
	}{
		"IDEmpty":             {"", nil, nil, &good},
		"IDInvalidUTF8":       {bad, nil, nil, &good},
		"DocumentInvalidUTF8": {good, nil, nil, &bad},
		"NaN":                 {good, b("\x00\x00\xc0\x7f"), nil, &good},
		"Infinity":            {good, b("\x00\x00\x80\xff"), nil, &good},
		"BitsCutShort":        {good, b("\x00\x00\x80"), nil, &good},
		"MetadataArray":       {good, nil, b("[]"), &good},
		"MetadataWord":        {good, nil, b("nope"), &good},
		"MetadataBroken":      {good, nil, b(`{"a":}`), &good},
		"MetadataAndMore":     {good, nil, b(`{"a":1} x`), &good},
	} {
		t.Run(name, func(t *testing.T) {
			var s record.Scanner
			if line, err := s.AppendVector(nil, c.id, c.bits, c.metadata, c.document); err == nil {
				t.Errorf("got %s, want an error", line)
			}
		})
	}
}
