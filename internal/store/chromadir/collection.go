package chromadir

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/swapmark"
)

// collection is a collection as the database describes it.
type collection struct {
	id, name         string
	tenant, database string
	dimension        int
	config           string // JSON
	schema           string // JSON; a 1.0 server has none
	metadata         fields

	vectors  string // segment, and the folder of its index
	metadocs string // segment of metadata and documents
}

// collections lists the collections of a tenant's database, by name; "" stands for
// every tenant, and for every database.
func (d *database) collections(ctx context.Context, tenant, name string) ([]*collection, error) {
	schema := "NULL"
	newer, err := d.has(ctx, "collections", "schema_str")
	if err != nil {
		return nil, err
	}
	if newer {
		schema = "c.schema_str"
	}
	var c collection
	var found []*collection
	err = d.Each(context.WithoutCancel(ctx), []any{&c.id, &c.name, &c.tenant, &c.database, &c.dimension, &c.config, &c.schema}, func() error {
		one := c
		found = append(found, &one)
		return nil
	}, `SELECT c.id, c.name, d.tenant_id, d.name, coalesce(c.dimension, 0), coalesce(c.config_json_str, ''), coalesce(`+schema+`, '')
		FROM collections c JOIN databases d ON d.id = c.database_id
		WHERE (?1 = '' OR d.tenant_id = ?1) AND (?2 = '' OR d.name = ?2) ORDER BY c.name, c.id`, tenant, name)
	return found, err
}

// complete reads what other tables know of a collection.
func (d *database) complete(ctx context.Context, c *collection) error {
	const segments = `SELECT coalesce(max(CASE scope WHEN 'VECTOR' THEN id END), ''), coalesce(max(CASE scope WHEN 'METADATA' THEN id END), '')
		FROM segments WHERE collection = ?`
	if err := d.QueryRowContext(ctx, segments, c.id).Scan(&c.vectors, &c.metadocs); err != nil {
		return err
	}
	var key sql.RawBytes
	var v value
	return d.Each(context.WithoutCancel(ctx), append([]any{&key}, v.dest()...), func() error {
		c.metadata.scalar(key, &v)
		return nil
	}, `SELECT key, str_value, int_value, float_value, bool_value
		FROM collection_metadata WHERE collection_id = ? ORDER BY key`, c.id)
}

// foreign says why a collection is no source, "" when it may be one: by the mark that
// it bears, never by its name. One that somebody named may be a disposable one, or what
// a finished replace kept aside.
func (c *collection) foreign(named bool) string {
	var mark guard.Mark
	// What is no mark proves nothing.
	_ = json.Unmarshal([]byte(c.metadata.text(guard.MarkKey)), &mark)
	if mark.ID != c.id || named && (mark.Kind == guard.MarkDisposable || mark.Kind == guard.MarkAside && mark.Finished) {
		return ""
	}
	switch mark.Kind {
	case guard.MarkShadow, guard.MarkAside, guard.MarkDisposable:
		return "keepsake made it as a " + string(mark.Kind)
	}
	return ""
}

// hnsw are the settings of an index that a server shows.
type hnsw struct {
	Space          string   `json:"space,omitempty"`
	EfConstruction *int64   `json:"ef_construction,omitempty"`
	EfSearch       *int64   `json:"ef_search,omitempty"`
	MaxNeighbors   *int64   `json:"max_neighbors,omitempty"`
	ResizeFactor   *float64 `json:"resize_factor,omitempty"`
	SyncThreshold  *int64   `json:"sync_threshold,omitempty"`
}

// configuration is what a server shows as configuration_json.
type configuration struct {
	HNSW              *hnsw          `json:"hnsw"`
	Spann             memory.RawJSON `json:"spann"`
	EmbeddingFunction memory.RawJSON `json:"embedding_function"`
}

// schemaIndex is where a schema keeps the settings of the vector index.
type schemaIndex struct {
	Keys map[string]struct {
		FloatList struct {
			VectorIndex struct {
				Config struct {
					Space             string         `json:"space"`
					HNSW              *hnsw          `json:"hnsw"`
					EmbeddingFunction memory.RawJSON `json:"embedding_function"`
				} `json:"config"`
			} `json:"vector_index"`
		} `json:"float_list"`
	} `json:"keys"`
}

// settings returns the configuration as a server shows it: from the schema where
// there is one, else from what 1.0 servers kept.
func (c *collection) settings() configuration {
	var schema schemaIndex
	if json.Unmarshal([]byte(c.schema), &schema) == nil {
		config := schema.Keys["#embedding"].FloatList.VectorIndex.Config
		if config.HNSW != nil {
			config.HNSW.Space = config.Space
			return configuration{HNSW: config.HNSW, EmbeddingFunction: config.EmbeddingFunction}
		}
	}
	var kept struct {
		VectorIndex struct {
			HNSW *hnsw `json:"hnsw"`
		} `json:"vector_index"`
		EmbeddingFunction memory.RawJSON `json:"embedding_function"`
	}
	// What can't be decoded says nothing.
	_ = json.Unmarshal([]byte(c.config), &kept)
	return configuration{HNSW: kept.VectorIndex.HNSW, EmbeddingFunction: kept.EmbeddingFunction}
}

// distance returns "l2", "cosine" or "ip". Where nothing says, Chroma takes l2.
func (c *collection) distance() string {
	space := ""
	if index := c.settings().HNSW; index != nil {
		space = index.Space
	}
	return cmp.Or(space, c.metadata.text("hnsw:space"), "l2")
}

// exported is the collection as a bundle keeps it, without marks of our own.
func (c *collection) exported() *memory.Collection {
	e := &memory.Collection{ID: c.id, Name: c.name, Metadata: c.metadata.without(guard.MarkKey, swapmark.Key)}
	if json.Valid([]byte(c.schema)) && c.schema != "null" {
		e.Schema = memory.RawJSON(c.schema)
	}
	if settings := c.settings(); settings.HNSW != nil {
		e.Configuration, _ = json.Marshal(settings) // plain values always marshal
	}
	return e
}
