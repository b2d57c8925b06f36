package database

import "context"

// SealSome is one batch of Seal, for tests that stop there.
func (s *Store) SealSome(ctx context.Context) (int, error) { return s.sealSome(ctx) }
