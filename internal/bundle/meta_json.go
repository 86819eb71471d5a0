package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"keepsake/internal/memory"
)

// wireMeta is Meta as it lies on disk.
type wireMeta struct {
	BundleVersion int           `json:"bundleVersion"`
	Timestamp     string        `json:"timestamp"`
	CompletedAt   lenientTime   `json:"completedAt"`
	ChromaUnified *bool         `json:"chromaUnified"`
	KB            *wireCoords   `json:"kbChromaCoords"`
	MC            *wireCoords   `json:"mcChromaCoords"`
	NeoVersion    *string       `json:"neoVersion"`
	GitSHA        *string       `json:"gitSha"`
	Topology      *wireTopology `json:"topology"`
	Subsystems    Subsystems    `json:"subsystems"`
	Integrity     []Integrity   `json:"integrity"`
	Keepsake      *Keepsake     `json:"keepsake,omitempty"`
}

// wireTopology is the nested form, which newer Neo.mjs writes and reads.
type wireTopology struct {
	ChromaUnified  *bool       `json:"chromaUnified,omitempty"`
	SharedTopology *bool       `json:"shared_topology,omitempty"`
	KB             *wireCoords `json:"kbChromaCoords,omitempty"`
	MC             *wireCoords `json:"mcChromaCoords,omitempty"`
}

// wireCoords prints a path as "path" for the knowledge base and as "dataDir" for
// the memory core, as Neo.mjs does, and reads both.
type wireCoords struct {
	memory.Coords
	pathKey string
}

// MarshalJSON implements json.Marshaler.
func (c wireCoords) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, field := range []struct {
		key   string
		value any
	}{
		{"host", orNull(c.Host)},
		{"port", c.Port},
		{c.pathKey, orNull(c.Path)},
		{"tenant", orNull(c.Tenant)},
		{"database", orNull(c.Database)},
	} {
		value, err := json.Marshal(field.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(field.key) + ":")
		b.Write(value)
	}
	return []byte("{" + b.String() + "}"), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *wireCoords) UnmarshalJSON(data []byte) error {
	var w struct {
		Host, Path, DataDir, Tenant, Database *string
		Port                                  *json.Number // Neo.mjs may have it from the environment: a string
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	c.Coords = memory.Coords{
		Host: deref(w.Host), Path: deref(w.Path), Tenant: deref(w.Tenant), Database: deref(w.Database),
	}
	if c.Path == "" {
		c.Path = deref(w.DataDir)
	}
	if w.Port != nil {
		port, err := strconv.Atoi(w.Port.String())
		if err != nil {
			return errors.New("port is no number")
		}
		c.Port = port
	}
	return nil
}

// lenientTime is a time that may be missing or odd in a meta that isn't ours:
// it is then zero, since nothing depends on it.
type lenientTime struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t lenientTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00"))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *lenientTime) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		return nil
	}
	t.Time, _ = time.Parse(time.RFC3339, s)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (m Meta) MarshalJSON() ([]byte, error) {
	w := wireMeta{
		BundleVersion: m.BundleVersion, Timestamp: m.Timestamp, CompletedAt: lenientTime{m.CompletedAt},
		NeoVersion: orNull(m.NeoVersion), GitSHA: orNull(m.GitSHA),
		Subsystems: m.Subsystems, Integrity: m.Integrity, Keepsake: m.Keepsake,
	}
	if t := m.Topology; t != nil {
		w.ChromaUnified = &t.Unified
		w.KB, w.MC = &wireCoords{t.KB, "path"}, &wireCoords{t.MC, "dataDir"}
		w.Topology = &wireTopology{ChromaUnified: &t.Unified, KB: w.KB, MC: w.MC}
		if t.Unified {
			w.Topology.SharedTopology = &t.Unified
		}
	}
	return marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler. Unknown fields are ignored.
func (m *Meta) UnmarshalJSON(data []byte) error {
	decoded, err := decodeMeta(data)
	if err == nil {
		*m = *decoded
	}
	return err
}

// decodeMeta is UnmarshalJSON without the detour that encoding/json takes.
func decodeMeta(data []byte) (*Meta, error) {
	var w wireMeta
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	topology, err := w.topology()
	if err != nil {
		return nil, err
	}
	return &Meta{
		BundleVersion: w.BundleVersion, Timestamp: w.Timestamp, CompletedAt: w.CompletedAt.Time,
		Topology: topology, NeoVersion: deref(w.NeoVersion), GitSHA: deref(w.GitSHA),
		Subsystems: w.Subsystems, Integrity: w.Integrity, Keepsake: w.Keepsake,
	}, nil
}

// topology joins the flat form with the nested one. A meta that says unified in
// one place and federated in another is an error.
func (w *wireMeta) topology() (*memory.Topology, error) {
	said := []*bool{w.ChromaUnified}
	kb, mc := w.KB, w.MC
	if n := w.Topology; n != nil {
		said = append(said, n.ChromaUnified, n.SharedTopology)
		kb, mc = firstOf(kb, n.KB), firstOf(mc, n.MC)
	}
	var unified *bool
	for _, s := range said {
		if s != nil && unified != nil && *s != *unified {
			return nil, errors.New("topology is unified and federated at once")
		}
		unified = firstOf(unified, s)
	}
	if unified == nil {
		return nil, nil
	}
	t := &memory.Topology{Unified: *unified}
	if kb != nil {
		t.KB = kb.Coords
	}
	if mc != nil {
		t.MC = mc.Coords
	}
	return t, nil
}

// marshal is json.Marshal without the escapes for HTML, so that what a store
// exported keeps its bytes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func firstOf[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
