package decision_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/decision"
)

// The leaves and roots that the reference implementation of RFC 6962 is tested with.
func TestTheTreeIsThatOfRFC6962(t *testing.T) {
	t.Parallel()
	var leaves [][]byte
	for _, text := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		leaf, err := hex.DecodeString(text)
		require.NoError(t, err)
		leaves = append(leaves, leaf)
	}
	for n, want := range map[int]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		require.Equal(t, "sha256:"+want, decision.TreeRoot(leaves[:n]), n)
	}
}

func TestEveryLeafIsProvenAndNothingElseIs(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 33; size++ {
		leaves := make([][]byte, size)
		for i := range leaves {
			leaves[i] = fmt.Appendf(nil, "leaf %d", i)
		}
		root := decision.TreeRoot(leaves)
		for i, leaf := range leaves {
			proof := decision.TreeProof(leaves, i)
			require.NoError(t, decision.CheckTreeProof(root, size, i, leaf, proof))
			require.Error(t, decision.CheckTreeProof(root, size, i, []byte("another"), proof))
			require.Error(t, decision.CheckTreeProof(decision.TreeRoot(leaves[1:]), size, i, leaf, proof))
			require.Error(t, decision.CheckTreeProof(root, size, i, leaf, append(slices.Clone(proof), root)))
			if size == 1 {
				continue
			}
			other := (i + 1) % size
			require.Error(t, decision.CheckTreeProof(root, size, other, leaf, proof), "at another place")
			require.Error(t, decision.CheckTreeProof(root, size, i, leaves[other], proof), "with the path of another")
			require.Error(t, decision.CheckTreeProof(root, size, i, leaf, decision.TreeProof(leaves, other)))
			require.Error(t, decision.CheckTreeProof(root, size, i, leaf, proof[1:]))
			bad := slices.Clone(proof)
			bad[0] = "sha256:00"
			require.ErrorContains(t, decision.CheckTreeProof(root, size, i, leaf, bad), "is no hash")
		}
		require.Nil(t, decision.TreeProof(leaves, size))
		require.Error(t, decision.CheckTreeProof(root, size, size, leaves[0], nil))
		require.Error(t, decision.CheckTreeProof(root, size, -1, leaves[0], nil))
	}
}

// An inner node is no leaf: what would hash to it as a node does not as a leaf.
func TestAnInnerNodeIsNoLeaf(t *testing.T) {
	t.Parallel()
	leaves := [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("d")}
	root := decision.TreeRoot(leaves)
	inner := func(pair [][]byte) string { return decision.TreeRoot(pair)[len("sha256:"):] }
	left, err := hex.DecodeString(inner(leaves[:1]) + inner(leaves[1:2]))
	require.NoError(t, err)
	require.Error(t, decision.CheckTreeProof(root, 2, 0, left, []string{decision.TreeRoot(leaves[2:])}))
}
