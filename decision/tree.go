package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// A tree lets one hash stand for many things, so that each can prove by itself that it is among them: the Merkle hash tree
// of RFC 6962 (section 2.1), over SHA-256. Leaves and inner nodes are hashed under different prefixes, so that no inner node
// can be passed off as a leaf.

const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

type treeHash = [sha256.Size]byte

func leafHash(leaf []byte) treeHash { return sha256.Sum256(append([]byte{leafPrefix}, leaf...)) }

func nodeHash(left, right treeHash) treeHash {
	data := make([]byte, 0, 1+2*sha256.Size)
	data = append(append(append(data, nodePrefix), left[:]...), right[:]...)
	return sha256.Sum256(data)
}

// TreeRoot is the hash of all leaves, in their order: "sha256:" and 64 hexadecimal digits.
func TreeRoot(leaves [][]byte) string { return written(root(leaves)) }

func root(leaves [][]byte) treeHash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leafHash(leaves[0])
	default:
		k := split(n)
		return nodeHash(root(leaves[:k]), root(leaves[k:]))
	}
}

// split is the largest power of two below n, which is at least 2.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// TreeProof is the audit path of one leaf (RFC 6962, section 2.1.1), the hash next to the leaf first. Nil: there is no such
// leaf, or it is the only one.
func TreeProof(leaves [][]byte, index int) []string {
	n := len(leaves)
	if index < 0 || index >= n || n == 1 {
		return nil
	}
	k := split(n)
	if index < k {
		return append(TreeProof(leaves[:k], index), written(root(leaves[k:])))
	}
	return append(TreeProof(leaves[k:], index-k), written(root(leaves[:k])))
}

// CheckTreeProof reports why the proof does not show that leaf is the one at index of a tree of that size and root.
func CheckTreeProof(rootHash string, size, index int, leaf []byte, proof []string) error {
	if index < 0 || index >= size {
		return fmt.Errorf("the tree has %d leaves, none at %d", size, index)
	}
	hash, rest, err := climb(size, index, leafHash(leaf), proof)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return errors.New("the proof is longer than the tree is high")
	case written(hash) != rootHash:
		return errors.New("the proof leads to another root")
	}
	return nil
}

// climb computes the root of a tree of which one leaf is known, from the leaf upwards.
func climb(size, index int, leaf treeHash, proof []string) (treeHash, []string, error) {
	if size == 1 {
		return leaf, proof, nil
	}
	k, left := split(size), true
	within, at := k, index
	if index >= k {
		within, at, left = size-k, index-k, false
	}
	hash, rest, err := climb(within, at, leaf, proof)
	if err != nil {
		return hash, nil, err
	}
	if len(rest) == 0 {
		return hash, nil, errors.New("the proof is shorter than the tree is high")
	}
	sibling, err := readHash(rest[0])
	if err != nil {
		return hash, nil, err
	}
	if left {
		return nodeHash(hash, sibling), rest[1:], nil
	}
	return nodeHash(sibling, hash), rest[1:], nil
}

func written(h treeHash) string { return hashPrefix + hex.EncodeToString(h[:]) }

func readHash(s string) (treeHash, error) {
	var h treeHash
	if !isHash(s) {
		return h, fmt.Errorf("the proof holds %q, which is no hash", s)
	}
	_, err := hex.Decode(h[:], []byte(s[len(hashPrefix):]))
	return h, err
}
