package chroma

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"keepsake/internal/memory"
)

// collection is a collection as the server describes it.
type collection struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	Metadata      memory.RawJSON `json:"metadata"`
	Schema        memory.RawJSON `json:"schema"`
	Configuration memory.RawJSON `json:"configuration_json"`
	Dimension     int            `json:"dimension"` // null before the first row
}

// index is where settings of a vector index are kept, hnsw or spann.
type index struct {
	Space string `json:"space"`
}

// distance returns "l2", "cosine" or "ip", or "" when nothing says. The schema
// is newer than the configuration, which is newer than the metadata.
func (c *collection) distance() string {
	var schema struct {
		Keys map[string]struct {
			FloatList struct {
				VectorIndex struct {
					Config index `json:"config"`
				} `json:"vector_index"`
			} `json:"float_list"`
		} `json:"keys"`
	}
	var configuration struct{ HNSW, Spann index }
	var metadata struct {
		Space string `json:"hnsw:space"`
	}
	// What can't be decoded says nothing.
	_ = json.Unmarshal(c.Schema, &schema)
	_ = json.Unmarshal(c.Configuration, &configuration)
	_ = json.Unmarshal(c.Metadata, &metadata)
	for _, space := range []string{
		schema.Keys["#embedding"].FloatList.VectorIndex.Config.Space,
		configuration.HNSW.Space, configuration.Spann.Space, metadata.Space,
	} {
		if space != "" {
			return space
		}
	}
	return ""
}

// exported is the collection as a bundle keeps it: the bytes that the server
// sent, without keepsake's own notes.
func (c *collection) exported() *memory.Collection {
	return &memory.Collection{
		ID: c.ID, Name: c.Name,
		Metadata: nonNull(withoutNotes(c.Metadata)), Schema: nonNull(c.Schema), Configuration: nonNull(c.Configuration),
	}
}

// nonNull turns null into nothing.
func nonNull(raw memory.RawJSON) memory.RawJSON {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// find returns the collection of that name, nil when there is none.
func (c *client) find(ctx context.Context, name string) (*collection, error) {
	var found collection
	r := request{
		what:   "look for collection " + name,
		method: http.MethodGet,
		path:   c.scope + "/collections/" + url.PathEscape(name),
	}
	err := c.call(ctx, r, nil, &found)
	switch {
	case status(err) == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case found.ID == "" || found.Name != name:
		return nil, fmt.Errorf("%s: the server answered with collection %q, id %q", r.what, found.Name, found.ID)
	}
	return &found, nil
}

// path is where an operation on the rows of a collection goes.
func (c *client) rows(id, operation string) string {
	return c.scope + "/collections/" + url.PathEscape(id) + "/" + operation
}

// count counts the rows of a collection.
func (c *client) count(ctx context.Context, id string) (int64, error) {
	var n int64
	r := request{what: "count rows", method: http.MethodGet, path: c.rows(id, "count")}
	err := c.call(ctx, r, nil, &n)
	return n, err
}

// create makes the collection of a bundle anew: from its schema and metadata,
// exactly. A server takes a schema or a configuration, never both, and counts
// old metadata keys ("hnsw:space") as configuration; one that does not know
// schemas would ignore ours and measure other distances. The notes go into its
// metadata.
func (c *client) create(ctx context.Context, name string, spec memory.SectionSpec, n notes) error {
	type payload struct {
		Name          string         `json:"name"`
		Metadata      memory.RawJSON `json:"metadata,omitempty"`
		Schema        memory.RawJSON `json:"schema,omitempty"`
		Configuration memory.RawJSON `json:"configuration,omitempty"`
	}
	p := payload{Name: name}
	from := spec.Collection
	if from == nil {
		from = &memory.Collection{}
	}
	metadata, err := n.with(from.Metadata)
	if err != nil {
		return err
	}
	p.Metadata = metadata
	takesSchema, err := c.takesSchema(ctx, nonNull(from.Schema), p.Metadata)
	switch {
	case err != nil:
		return err
	case takesSchema:
		p.Schema = nonNull(from.Schema)
	case len(nonNull(from.Configuration)) > 0:
		p.Configuration = from.Configuration
	case spec.Distance != "":
		p.Configuration = memory.RawJSON(fmt.Sprintf(`{"hnsw":{"space":%q}}`, spec.Distance))
	}
	r := request{what: "create collection " + name, method: http.MethodPost, path: c.scope + "/collections"}
	err = c.call(ctx, r, p, nil)
	if status(err) == http.StatusConflict {
		return nil // made meanwhile, by another or by a try whose answer was lost
	}
	return err
}

// takesSchema reports whether a collection is to be made from its schema.
func (c *client) takesSchema(ctx context.Context, schema, metadata memory.RawJSON) (bool, error) {
	if len(schema) == 0 || strings.Contains(string(metadata), `"hnsw:`) {
		return false, nil
	}
	var api struct {
		Components struct {
			Schemas struct {
				CreateCollectionPayload struct {
					Properties map[string]any `json:"properties"`
				} `json:"CreateCollectionPayload"`
			} `json:"schemas"`
		} `json:"components"`
	}
	r := request{what: "read the server's API", method: http.MethodGet, path: "/openapi.json"}
	err := c.call(ctx, r, nil, &api)
	if status(err) == http.StatusNotFound {
		return true, nil // hosted ones don't show it; the collection is compared afterwards
	}
	_, ok := api.Components.Schemas.CreateCollectionPayload.Properties["schema"]
	return ok, err
}
