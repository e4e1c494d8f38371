package dev.ferry.scheduling.accounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AccountTreeTest {
    private static final Association ROOT = new Association(1, 0, "root", null, 1, null);

    private static Association row(long id, long parent, String account, @Nullable String user) {
        return new Association(id, parent, account, user, 1, null);
    }

    @Test
    void takesRowsInAnyOrder() {
        List<Association> rows = new ArrayList<>(List.of(ROOT, row(2, 1, "a", null), row(3, 2, "b", null), row(4, 3, "b", "x"), row(5, 1, "c", null)));
        Collections.reverse(rows);
        AccountTree tree = AccountTree.of(rows);
        assertThat(tree.get(0)).isEqualTo(ROOT);
        for (int at = 1; at < tree.size(); at++) {
            assertThat(tree.parent(at)).isLessThan(at);
        }
        assertThat(tree.depth(tree.find("b", "x").getAsInt())).isEqualTo(3);
        assertThat(tree.users()).isEqualTo(1);
        assertThat(tree.find("b", "y")).isEmpty();
        assertThat(tree.get(tree.children(0)[0]).account()).as("newest first").isEqualTo("c");
    }

    @Test
    void aPriorityIsThatOfTheNearestAboveThatHasOne() {
        AccountTree tree = AccountTree.of(List.of(ROOT, new Association(2, 1, "a", null, 1, 7L), row(3, 2, "a", "x"), new Association(4, 2, "a", "y", 1, 9L), row(5, 1, "z", null)));
        assertThat(tree.priority(tree.find("a", "x").getAsInt())).isEqualTo(7);
        assertThat(tree.priority(tree.find("a", "y").getAsInt())).isEqualTo(9);
        assertThat(tree.priority(tree.findAccount("z").getAsInt())).isZero();
    }

    @Test
    void whatIsNoTreeIsRefusedByName() {
        assertThatThrownBy(() -> AccountTree.of(List.of())).isInstanceOf(FerryException.class).hasMessageContaining("no root");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(2, 0, "other", null)))).hasMessageContaining("root and other");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(2, 9, "a", null)))).hasMessageContaining("a is 9");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(1, 1, "a", null)))).hasMessageContaining("Id 1");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(2, 1, "a", null), row(3, 1, "a", null)))).hasMessageContaining("'a'");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(2, 3, "a", null), row(3, 2, "b", null)))).hasMessageContaining("circle").hasMessageContaining("a, b");
        assertThatThrownBy(() -> AccountTree.of(List.of(ROOT, row(2, 1, "root", "x"), row(3, 2, "b", null)))).hasMessageContaining("root/x").hasMessageContaining("a user");
    }
}
