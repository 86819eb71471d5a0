package collections

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// entry is one row of the table collections, and how many records it has.
type entry struct {
	number     int64
	collection memory.Collection
	distance   string
	dimension  int
	rows       int64
}

const (
	findQuery = `SELECT number, id, name, metadata, schema, configuration, distance, dimension,
	(SELECT count(*) FROM records WHERE collection = collections.number)
FROM collections WHERE name = ?`

	createStatement = `INSERT INTO collections (id, name, metadata, schema, configuration, distance, dimension)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`
)

// find returns the collection of that name. store.ErrAbsent when there is none.
func (f *file) find(ctx context.Context, name string) (entry, error) {
	var e entry
	var metadata, schema, configuration sql.NullString
	err := f.conn.QueryRowContext(ctx, findQuery, name).Scan(&e.number, &e.collection.ID, &e.collection.Name,
		&metadata, &schema, &configuration, &e.distance, &e.dimension, &e.rows)
	if errors.Is(err, sql.ErrNoRows) {
		return entry{}, fmt.Errorf("find collection %q: %w", name, store.ErrAbsent)
	}
	if err != nil {
		return entry{}, fmt.Errorf("find collection %q: %w", name, explain(err))
	}
	e.collection.Metadata = fromText(metadata)
	e.collection.Schema = fromText(schema)
	e.collection.Configuration = fromText(configuration)
	return e, nil
}

// create adds the collection that spec describes under name and returns it, or
// the one that another process made in the same moment.
func (f *file) create(ctx context.Context, name string, spec memory.SectionSpec) (entry, error) {
	var from memory.Collection
	if spec.Collection != nil {
		from = *spec.Collection
	}
	id, err := f.freeID(ctx, from.ID)
	if err != nil {
		return entry{}, err
	}
	from.ID, from.Name, from.Metadata = id, name, withoutMark(from.Metadata)
	return f.insert(ctx, from, spec)
}

// insert adds a collection as it is, with the distance and dimension of spec.
func (f *file) insert(ctx context.Context, c memory.Collection, spec memory.SectionSpec) (entry, error) {
	_, err := f.conn.ExecContext(ctx, createStatement, c.ID, c.Name,
		toText(c.Metadata), toText(c.Schema), toText(c.Configuration), spec.Distance, spec.Dimension)
	if err != nil {
		return entry{}, fmt.Errorf("create collection %q: %w", c.Name, explain(err))
	}
	return f.find(ctx, c.Name)
}

// freeID returns the id that the bundle gives the collection, or a new one when
// it has none, or when a collection of another name bears it in this file
// already: a section can be restored beside itself.
func (f *file) freeID(ctx context.Context, id string) (string, error) {
	if id == "" {
		return uuid.NewString(), nil
	}
	var taken bool
	err := f.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM collections WHERE id = ?)`, id).Scan(&taken)
	if err != nil {
		return "", explain(err)
	}
	if taken {
		return uuid.NewString(), nil
	}
	return id, nil
}

// checkSpec refuses a spec that could not be kept as it is.
func checkSpec(spec memory.SectionSpec) error {
	if spec.Kind != memory.Vectors {
		return fmt.Errorf("it is of kind %q, a collections file holds %q only", spec.Kind, memory.Vectors)
	}
	if !slices.Contains([]string{"", "l2", "cosine", "ip"}, spec.Distance) {
		return fmt.Errorf("its distance %q is none of l2, cosine, ip", spec.Distance)
	}
	if spec.Dimension < 0 {
		return fmt.Errorf("its dimension is %d", spec.Dimension)
	}
	if spec.Collection == nil {
		return nil
	}
	for what, value := range map[string]memory.RawJSON{
		"metadata": spec.Collection.Metadata, "schema": spec.Collection.Schema, "configuration": spec.Collection.Configuration,
	} {
		if value != nil && !json.Valid(value) {
			return fmt.Errorf("its collection's %s is not JSON", what)
		}
	}
	return nil
}

// accepts refuses a spec whose vectors don't belong into the collection. What
// either side doesn't know is no reason.
func (e entry) accepts(spec memory.SectionSpec) error {
	if e.dimension != 0 && spec.Dimension != 0 && e.dimension != spec.Dimension {
		return fmt.Errorf("its vectors have dimension %d, those of collection %q have %d", spec.Dimension, e.collection.Name, e.dimension)
	}
	if e.distance != "" && spec.Distance != "" && e.distance != spec.Distance {
		return fmt.Errorf("its distance is %s, that of collection %q is %s", spec.Distance, e.collection.Name, e.distance)
	}
	return nil
}

func fromText(s sql.NullString) memory.RawJSON {
	if !s.Valid {
		return nil
	}
	return memory.RawJSON(s.String)
}

func toText(j memory.RawJSON) sql.NullString {
	return sql.NullString{String: string(j), Valid: j != nil}
}
