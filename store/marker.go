package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// idsAhead is how many ids the marker reserves at a time.
const idsAhead = 10000

// marker is a small file beside the store. It says that this box has one, so that an
// absent file is known as a loss, up to which id ids may have been used, and whether the
// last run ended in order: that is known before the store is touched.
type marker struct {
	Instance string `json:"instance"`
	Ceiling  uint64 `json:"ceiling"`
	Clean    bool   `json:"clean"`
}

func markerPath(path string) string { return path + ".marker" }

// readMarker returns the zero marker when there is none.
func readMarker(path string) (m marker, err error) {
	text, err := os.ReadFile(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if json.Unmarshal(text, &m) != nil || m.Instance == "" {
		return marker{}, fmt.Errorf("%w: %s", errMarker, markerPath(path))
	}
	return m, nil
}

// errMarker means that the marker can't be read. The store itself may be well.
var errMarker = errors.New("damaged marker")

// Expected says whether a marker says that there is a store at path.
func Expected(path string) bool {
	m, err := readMarker(path)
	return m.Instance != "" || errors.Is(err, errMarker)
}

// LeftInOrder says whether the last run that had the store at path closed it. A store
// that was not, or of which that isn't known, is to be checked before it is opened: what a
// cut file does to a process can't always be caught. A store that is not there is in order.
func LeftInOrder(path string) bool {
	m, err := readMarker(path)
	if err != nil {
		return false
	}
	_, err = os.Lstat(path)
	return m.Clean || errors.Is(err, fs.ErrNotExist)
}

// write replaces the marker in one step that survives a power cut.
func (m marker) write(path string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	draft := markerPath(path) + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, markerPath(path)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
