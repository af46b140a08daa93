import { addWords } from "../../words";
import en from "../../words/mailing.en.json";
import ru from "../../words/mailing.ru.json";

addWords({ en, ru });
