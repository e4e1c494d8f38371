/**
 * The coordinator's memory: one interface, a database under it.
 *
 * <p><b>A new kind of record</b> needs no table. Declare it once, beside the code that owns it:
 *
 * <pre>{@code
 * static final RecordKind<Token> TOKENS = new RecordKind<>("token", Token.parser(), Token::getId, Token::getUser, Token::getExpiresAt);
 * }</pre>
 *
 * and then, in any transaction:
 *
 * <pre>{@code
 * state.put(TOKENS, token);
 * Optional<Token> one = state.record(TOKENS, id);
 * List<Token> ofUser = state.records(TOKENS, RecordQuery.of(user).newestFirst().atMost(100));
 * state.delete(TOKENS, id);
 * int old = state.deleteBefore(TOKENS, now);
 * }</pre>
 *
 * Such records are found by id, by one parent, and by one number that orders them. They are in every export and backup
 * without a further word. The name of a kind is kept in databases for ever.
 *
 * <p><b>A table with columns of its own</b>, for what is looked up in other ways, is a {@link
 * dev.ferry.coordinator.store.RecordTable} in {@link dev.ferry.coordinator.store.Tables} and a migration of the next
 * number in each of the folders {@code sqlite} and {@code postgresql} of the resources. A migration that has landed is
 * never changed.
 */
@NullMarked
package dev.ferry.coordinator.store;

import org.jspecify.annotations.NullMarked;
