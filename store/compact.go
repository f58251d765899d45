package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"
)

const (
	compactSize  = 64 << 20 // smaller files are let be
	compactBatch = 1 << 20  // bytes that one transaction of the copy takes
)

// compact writes the file anew when it is large and most of it is free, and goes on with
// the new one. When that can't be done the old one is as good.
func (s *Store) compact() error {
	st := s.db.Stats()
	free := int64(st.FreePageN+st.PendingPageN) * int64(s.db.Info().PageSize)
	if s.used < compactSize || free*2 < s.used {
		return nil
	}
	live := s.used - free
	if room, total := s.Disk(); total > 0 && room < uint64(2*live)+2*roomFloor {
		s.logger.Warn("the store is mostly free space, and the disk has no room to write it anew", "bytes", s.used, "free", free)
		return nil
	}
	draft := filepath.Join(filepath.Dir(s.path), strings.Replace(draftPattern, "*", "compact", 1))
	if err := s.copyLive(draft); err != nil {
		s.logger.Warn("the store could not be written anew", "error", err)
		return ignoreAbsent(os.Remove(draft))
	}
	//failpoint:before_compacted
	// The old file's lock is held until the new one's is.
	if err := errors.Join(os.Rename(draft, s.path), syncDir(filepath.Dir(s.path))); err != nil {
		return err
	}
	db, file, err := openFile(s.path)
	if err != nil {
		return err
	}
	if err := s.db.Close(); err != nil {
		return errors.Join(err, db.Close())
	}
	//failpoint:compacted
	before := s.used
	s.db, s.file, s.aside = db, file, 0
	if err := db.View(func(tx *bolt.Tx) error { s.used = tx.Size(); return nil }); err != nil {
		return err
	}
	s.logger.Info("the store was written anew without its free space", "bytes_before", before, "bytes", s.used)
	return s.setAside(s.used)
}

// copyLive writes what the store holds into a new file, on disk when it returns.
func (s *Store) copyLive(path string) error {
	dst, _, err := openBolt(path, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, NoFreelistSync: true, NoSync: true})
	if err != nil {
		return err
	}
	err = bolt.Compact(dst, s.db, compactBatch)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

// keepCopy writes the store as it is beside itself, before its schema changes.
func (s *Store) keepCopy(tx *bolt.Tx) error {
	path := fmt.Sprintf("%s.schema-%d", s.path, s.header.Schema)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err // of a change that a crash cut short: it is of the same store
	}
	draft := filepath.Join(filepath.Dir(s.path), strings.Replace(draftPattern, "*", "schema", 1))
	if err := writeSynced(draft, func(f *os.File) error { _, err := tx.WriteTo(f); return err }); err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(draft)))
	}
	s.logger.Info("the store gets a new schema; its old self is kept", "file", path)
	return errors.Join(os.Rename(draft, path), syncDir(filepath.Dir(path)))
}

// writeSynced makes a file, private, on disk when it returns.
func writeSynced(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// draftPattern is how files and folders are named that are being made, in the store's folder.
const draftPattern = ".modemgate-draft-*"

// sweepDrafts removes what a crash left of files that were being made.
func (s *Store) sweepDrafts() {
	drafts, err := filepath.Glob(filepath.Join(filepath.Dir(s.path), draftPattern))
	if err != nil {
		return // the folder's name is no pattern of ours
	}
	for _, d := range drafts {
		if err := os.RemoveAll(d); err != nil {
			s.logger.Warn("a draft was left behind", "file", d, "error", err)
			continue
		}
		s.logger.Info("a draft of a run that was cut short is removed", "file", d)
	}
}
