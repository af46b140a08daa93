import { addWords } from "../../words";
import en from "../../words/audiences.en.json";
import ru from "../../words/audiences.ru.json";

addWords({ en, ru });
